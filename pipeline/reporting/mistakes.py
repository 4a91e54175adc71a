"""The images behind the numbers: the hardest, where families part, and cells of the matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import percent
from pipeline.reporting.majority import never_right
from pipeline.reporting.matrices import ConfusionMatrix
from pipeline.reporting.pictures import Pictures
from pipeline.storage.results import Results

KINDS = {
    "hardest": ("Hardest images", "Those that the fewest runs get right."),
    "only_classical": (
        "Only the classical run is right",
        "Of the best runs of their families, the network is wrong.",
    ),
    "only_deep": (
        "Only the network is right",
        "Of the best runs of their families, the classical one is wrong.",
    ),
    "label_suspect": (
        "Labels to look at",
        "The best runs of all families agree on another class than the label: the label may be "
        "wrong, or the image may show both.",
    ),
}


@dataclass(frozen=True)
class HardImage:
    """One row of ``errors.csv``, as texts."""

    image: str
    """Path relative to the report."""
    actual: str
    said: str
    """What the best runs of the families said."""
    right: str
    """How many runs are right."""


def hard_images(results: Results) -> list[tuple[str, str, list[HardImage]]]:
    """Return (title, what they are, images), without kinds that have none."""
    table = results.tables.get("errors")
    if table is None:
        return []
    # That runs agree on another class than one that they never name says nothing of its label.
    blind = {each.class_name for each in never_right(results)}
    table = table[(table["kind"] != "label_suspect") | ~table["actual"].astype(str).isin(blind)]
    groups = [
        (title, words, table[table["kind"] == kind].sort_values("rank"))
        for kind, (title, words) in KINDS.items()
    ]
    return [
        (title, words, [_hard(row) for row in part.to_dict("records")])
        for title, words, part in groups
        if len(part)
    ]


def _hard(row: Mapping[Any, Any]) -> HardImage:
    names = {"classical": row["classical_predicted"], "network": row["deep_predicted"]}
    said = [f"{who}: {what}" for who, what in names.items() if isinstance(what, str) and what]
    sure = row["label_probability"]
    label = "" if pd.isna(sure) else f"; {percent(sure)} for the label"
    return HardImage(
        image=row["image"],
        actual=row["actual"],
        said=", ".join(said),
        right=f"{row['runs_right']} of {row['runs']} runs right{label}",
    )


MOST_BYTES = 2_500_000
"""Of pictures behind cells: the page stays small enough to be mailed."""


@dataclass(frozen=True)
class CellImages:
    """The images behind the cells of the confusion matrices."""

    paths: tuple[str, ...]
    """Relative to the report."""
    cells: Mapping[str, Mapping[str, list[int]]]
    """Run -> ``row-column`` -> numbers of `paths`."""

    def images(self, pictures: Pictures) -> list[str]:
        """Return the pictures as data URIs, in the order of `paths`."""
        return [pictures[path] for path in self.paths]

    def of(self, run: str, row: int, column: int) -> bool:
        """Whether a cell has images."""
        return f"{row}-{column}" in self.cells.get(run, {})


def cell_images(
    results: Results, shown: list[ConfusionMatrix], sizes: Mapping[str, int]
) -> CellImages:
    """Lay out ``confusion_images.csv``, the first images of every cell first.

    Args:
        results: its table may be missing.
        shown: the matrices on the page.
        sizes: path -> bytes; those of `MOST_BYTES` in all are kept.
    """
    table = results.tables.get("confusion_images")
    if table is None or table.empty:
        return CellImages((), {})
    index = {name: number for number, name in enumerate(shown[0].class_names)}
    runs = {matrix.run for matrix in shown}
    rows = table[table["run"].isin(runs)].sort_values("rank", kind="stable")
    numbers: dict[str, int] = {}
    cells: dict[str, dict[str, list[int]]] = {}
    left = MOST_BYTES
    for row in rows.to_dict("records"):
        path = str(row["image"])
        if path not in numbers:
            if sizes.get(path, 0) > left:
                continue
            left -= sizes.get(path, 0)
            numbers[path] = len(numbers)
        key = f"{index[row['actual']]}-{index[row['predicted']]}"
        cells.setdefault(str(row["run"]), {}).setdefault(key, []).append(numbers[path])
    return CellImages(tuple(numbers), cells)
