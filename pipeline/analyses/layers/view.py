"""The layers of each network: its table, its sums, and the boxes of its drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.analyses.layers.boxes import Boxes, boxes
from pipeline.page.formats import count
from pipeline.page.study import StudyResults
from pipeline.page.table import Cell, Heading, cell, columns_of, heading
from pipeline.page.view import View
from pipeline.storage.network_layers import LAYERS, NetworkLayer, layers_of

TITLE = "Networks, layer by layer"
ABSENT = "name a network under deep in params.yaml, and run dvc repro illustrate_networks"
MOST_NETWORKS = 12
"""Networks on the page, to keep it small; all are in ``layers.csv``."""
SHOWN = (
    *("name", "kind", "settings", "output"),
    *("trainable", "fixed", "multiply_adds", "receptive_field"),
)
"""Columns of the table on the page."""


@dataclass(frozen=True)
class LayeredNetwork:
    """One network."""

    run: str
    sums: str
    """Its parameters, multiply-adds and layers with weights, in words."""
    rows: tuple[tuple[Cell, ...], ...]
    """One per layer, in the order of `SHOWN`."""
    boxes: Boxes
    image: str
    """The shape of an image, if all channels are standardized; otherwise just that it is one."""

    @property
    def drawing(self) -> str:
        """The name of its drawing."""
        return f"network_{self.run}"

    @property
    def alt(self) -> str:
        """The drawing in words."""
        joins = [box.title for box in self.boxes.boxes if box.joins]
        folded = [f"{len(each.boxes)} boxes stand for {each.times} equal blocks"
                  for each in self.boxes.frames]  # fmt: skip
        parts = [
            f"The layers of {self.run} as {len(self.boxes.boxes)} boxes, from the image to "
            f"{self.boxes.boxes[-1].title} at the bottom",
            f"branches meet in {len(joins)} of them" if joins else "one after the other",
            *folded,
        ]
        return f"{'; '.join(parts)}. The table of the layers has the same information."

    @property
    def explained(self) -> str:
        """What is not drawn as it is, in a sentence; empty if everything is."""
        if self.boxes.collapsed:
            return "Each block is one box, and identical consecutive blocks are drawn once."
        return "Identical consecutive blocks are drawn once." if self.boxes.frames else ""


@dataclass(frozen=True)
class Layers(View):
    """All networks whose layers are known."""

    headings: tuple[Heading, ...]
    networks: tuple[LayeredNetwork, ...]
    left_out: int
    """Networks beyond `MOST_NETWORKS`."""


def view(study: StudyResults) -> Layers | None:
    """Lay out ``layers.csv``; None where it is missing, or there is no network."""
    return None if study.network_layers is None else layers_view(study.network_layers)


def layers_view(table: pd.DataFrame) -> Layers | None:
    """Lay out the layers of each network, in the order of params.yaml; None without any."""
    names = list(dict.fromkeys(table["run"]))
    if not names:
        return None
    columns = [columns_of([LAYERS], LAYERS.name)[name] for name in SHOWN]
    found = []
    for name in names[:MOST_NETWORKS]:
        layers = layers_of(table, name)
        rows = table[table["run"] == name].to_dict("records")
        found.append(
            LayeredNetwork(
                run=name,
                sums=sums(layers),
                rows=tuple(tuple(cell(column, row) for column in columns) for row in rows),
                boxes=boxes(layers),
                image=_image(layers[0]),
            )
        )
    return Layers(tuple(map(heading, columns)), tuple(found), len(names) - len(found))


def sums(layers: Sequence[NetworkLayer]) -> str:
    """Write ``61,706 trained parameters, 2 others, 416,520 multiply-adds per image, ...``."""
    trainable, fixed = sum(each.trainable for each in layers), sum(each.fixed for each in layers)
    weighted = sum(each.multiply_adds != 0 for each in layers)
    unknown = [each.name for each in layers if each.multiply_adds is None]
    adds = count(sum(each.multiply_adds or 0 for each in layers))
    parts = [
        f"{count(trainable)} trained parameters",
        *([f"{count(fixed)} others"] if fixed else []),
        f"{'at least ' if unknown else ''}{adds} multiply-adds per image",
        f"{weighted} layer{'s' if weighted != 1 else ''} with a kernel",
    ]
    return ", ".join(parts)


def _image(first: NetworkLayer) -> str:
    """Return the shape of the image where the first layer leaves it as it is."""
    keeps = first.kind in ("Normalization", "Rescaling")
    return "image " + "×".join(map(str, first.output)) if keeps else "image"
