"""The layers of all networks of a study: ``networks/layers.csv``, a table and a graph in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.storage.columns import Column, Table
from pipeline.storage.files import load_table
from pipeline.storage.paths import STUDY

LAYERS = Table(
    "layers",
    "One row per layer of a network as it is stored, in the order of computation.",
    (
        Column("run", "The name of the run in params.yaml.", format="text"),
        Column("layer", "The number of the layer, from 1; 0 stands for the image.", format="count"),
        Column("name", "The name of the layer in the model.", title="Layer", format="text"),
        Column("kind", "The class of the layer in Keras.", title="Kind", format="text"),
        Column(
            "settings",
            "Size of kernel or window, stride, padding, rate or activation, where the layer has "
            "one.",
            title="Settings",
            format="text",
        ),
        Column(
            "inputs", "The numbers of the layers that it reads, separated by spaces.", format="text"
        ),
        Column(
            "output",
            "The shape of its output for one image: height, width and channels, or units.",
            title="Output",
            format="text",
        ),
        Column(
            "trainable",
            "Parameters that training changes.",
            title="Trained parameters",
            format="count",
        ),
        Column(
            "fixed",
            "Other stored numbers: frozen weights, the moving means and variances of batch "
            "normalization, and the means and variances of a standardization.",
            title="Other parameters",
            format="count",
        ),
        Column(
            "multiply_adds",
            "Products of kernel and input for one image; biases, normalizations, activations and "
            "poolings are not counted. Empty where they are unknown.",
            title="Multiply-adds",
            format="count",
        ),
        Column(
            "receptive_field",
            "Side of the square of the image that one value depends on; it may be larger than the "
            "image. Empty where it is the whole image.",
            title="Receptive field",
            unit="pixels",
            format="count",
        ),
    ),
)
LAYERS_FILE = f"networks/{LAYERS.name}.csv"
"""Inside the study's folder."""
_NUMBERS = {"layer": "int64", "trainable": "int64", "fixed": "int64"}


@dataclass(frozen=True)
class NetworkLayer:
    """One layer, for one image; see `LAYERS`."""

    layer: int
    name: str
    kind: str
    settings: str
    inputs: tuple[int, ...]
    output: tuple[int, ...]
    trainable: int
    fixed: int
    multiply_adds: int | None
    receptive_field: int | None


def layers_table(networks: Mapping[str, Sequence[NetworkLayer]]) -> pd.DataFrame:
    """Return the rows of ``layers.csv``, from the layers of each run."""
    rows = [
        (
            *(run, each.layer, each.name, each.kind, each.settings),
            " ".join(map(str, each.inputs)),
            "×".join(map(str, each.output)),
            *(each.trainable, each.fixed, each.multiply_adds, each.receptive_field),
        )
        for run, layers in networks.items()
        for each in layers
    ]
    table = pd.DataFrame(rows, columns=list(LAYERS.names))
    return table.astype({"multiply_adds": "Int64", "receptive_field": "Int64"})


def layers_of(table: pd.DataFrame, run: str) -> list[NetworkLayer]:
    """Return the layers of one run from ``layers.csv``."""
    return [
        NetworkLayer(
            *(int(row["layer"]), row["name"], row["kind"], row["settings"]),
            inputs=tuple(map(int, row["inputs"].split())),
            output=tuple(map(int, row["output"].split("×"))),
            trainable=int(row["trainable"]),
            fixed=int(row["fixed"]),
            multiply_adds=_known(row["multiply_adds"]),
            receptive_field=_known(row["receptive_field"]),
        )
        for row in table[table["run"] == run].to_dict("records")
    ]


def _known(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def load_network_layers(folder: Path = STUDY) -> pd.DataFrame | None:
    """Read ``layers.csv``, columns of `LAYERS`; None for a study whose networks have none yet."""
    path = folder / LAYERS_FILE
    if not path.exists():
        return None
    kinds = {**_NUMBERS, **dict.fromkeys(LAYERS.text, str)}
    found = load_table(path, "dvc repro illustrate_networks", dtype=kinds)
    return found.fillna(dict.fromkeys(LAYERS.text, ""))
