"""What both stages that draw leave: ``features.csv`` and ``networks.csv`` with their pictures.

Beside the pictures of networks lies ``networks/layers.csv`` (`pipeline.storage.network_layers`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from numpy import uint8
from numpy.typing import NDArray
from PIL import Image

from pipeline.channels import to_picture
from pipeline.storage import file_sets
from pipeline.storage.columns import Column, Table
from pipeline.storage.files import atomic, load_table, save_table
from pipeline.storage.network_layers import LAYERS_FILE, NetworkLayer, layers_table
from pipeline.storage.paths import STUDY

DRAWN_BY = {"features": "illustrate", "networks": "illustrate_networks"}
"""Table -> the stage that writes it."""
LARGE_PICTURE = 32_768
"""Bytes."""
LARGE_NETWORK_PICTURE = 8_192
"""Bytes. There are about ten pictures of each network."""

FEATURES = Table(
    "features",
    "One row per picture of a feature set.",
    (
        Column("features", "The feature set; empty for an original image.", format="text"),
        Column("method", "The method of the feature set.", format="text"),
        Column(
            "dimension",
            "Numbers that the feature set turns an image into; of an original image, its pixels "
            "times its channels.",
            format="count",
        ),
        Column(
            "kind",
            "original: an enlarged validation image; image: what a feature set keeps of it; "
            "learned: what a feature set has learned, from no single image.",
            format="text",
        ),
        Column("id", "The id of the image; -1 for none.", format="count"),
        Column("class", "The class of the image; empty for none.", format="text"),
        Column("image", "The path of the picture, inside the study's folder.", format="text"),
        Column("caption", "What the picture shows.", format="text"),
    ),
)
NETWORKS = Table(
    "networks",
    "One row per picture of a network.",
    (
        Column("features", "The name of the run in params.yaml.", format="text"),
        Column("method", "The architecture.", format="text"),
        Column("dimension", "Number of parameters.", format="count"),
        Column(
            "kind",
            "learned: the kernels of the first layer; maps: feature maps of the first convolution; "
            "gradcam: where the last convolution responds to the predicted class (Grad-CAM).",
            format="text",
        ),
        *FEATURES.columns[4:],
    ),
)


@dataclass(frozen=True)
class FeaturePicture:
    """One row of ``features.csv`` or of ``networks.csv`` with its pixels."""

    features: str
    """The feature set, or the network's run."""
    method: str
    dimension: int
    """Numbers that the set turns an image into; of an original, its pixels times its channels; of
    a network, its parameters."""
    kind: str
    id: int
    class_name: str
    image: str
    caption: str
    pixels: NDArray[uint8]
    """(height, width, 3) in RGB order, or (height, width, 1) in gray."""


def save_feature_pictures(pictures: Sequence[FeaturePicture], folder: Path = STUDY) -> None:
    """Write ``features.csv`` and its PNG pictures; pictures of an earlier study are removed."""
    limits = {"image": LARGE_PICTURE}
    _save_pictures(pictures, folder, FEATURES, lambda picture: limits.get(picture.kind))


def save_network_pictures(
    pictures: Sequence[FeaturePicture],
    folder: Path = STUDY,
    layers: Mapping[str, Sequence[NetworkLayer]] | None = None,
) -> None:
    """Write ``networks.csv``, its PNG pictures, and the layers of each run (``layers.csv``).

    Those of an earlier study are removed. Without `layers`, there is no ``layers.csv``.
    """
    others = {} if layers is None else {LAYERS_FILE: layers_table(layers)}
    _save_pictures(pictures, folder, NETWORKS, lambda _: LARGE_NETWORK_PICTURE, others)


def _save_pictures(
    pictures: Sequence[FeaturePicture],
    folder: Path,
    table: Table,
    limit: Callable[[FeaturePicture], int | None],
    others: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    rows = [
        (p.features, p.method, p.dimension, p.kind, p.id, p.class_name, p.image, p.caption)
        for p in pictures
    ]
    content = pd.DataFrame(rows, columns=list(table.names))
    name, of = table.name, {"pictures": table.name}
    with file_sets.replacing(folder, of, owned=(name,), manifest=f"{name}.json") as incoming:
        for picture in pictures:
            with atomic(incoming / picture.image) as temporary:
                temporary.write_bytes(_png(picture, limit(picture)))
        for path, other in (others or {}).items():
            save_table(incoming / path, other)
        save_table(incoming / f"{name}.csv", content)


def _png(picture: FeaturePicture, limit: int | None) -> bytes:
    """Encode a picture, with only 256 colors where it would otherwise exceed `limit` bytes.

    The page embeds a dozen of these. Those of HOG then differ by about one level of 255 on average;
    a learned dictionary has too many colors for that, and there is only one.
    """
    exact, content = to_picture(picture.pixels), io.BytesIO()
    exact.save(content, format="PNG", optimize=True)
    if limit is not None and content.tell() > limit and exact.mode == "RGB":
        content = io.BytesIO()
        fewer = exact.quantize(256, kmeans=3, dither=Image.Dither.NONE)
        fewer.save(content, format="PNG", optimize=True)
    return content.getvalue()


def verify_pictures(folder: Path = STUDY) -> None:
    """Raise `StudyError` unless the pictures that there are were written together."""
    for name, stage in DRAWN_BY.items():
        if (folder / f"{name}.csv").exists():
            file_sets.verify(folder, {"pictures": name}, f"dvc repro {stage}", f"{name}.json")


def load_feature_pictures(folder: Path = STUDY) -> pd.DataFrame:
    """Read ``features.csv``, columns of `FEATURES`; texts that are empty stay so."""
    return _load_pictures(folder, FEATURES)


def load_network_pictures(folder: Path = STUDY) -> pd.DataFrame:
    """Read ``networks.csv``, columns of `NETWORKS`; without the file, no row."""
    if not (folder / f"{NETWORKS.name}.csv").exists():
        none = pd.DataFrame(columns=list(NETWORKS.names), dtype=str)
        return none.astype({"dimension": int, "id": int})
    return _load_pictures(folder, NETWORKS)


def _load_pictures(folder: Path, table: Table) -> pd.DataFrame:
    kinds = {"dimension": int, "id": int} | dict.fromkeys(table.text, str)
    remedy = f"dvc repro {DRAWN_BY[table.name]}"
    found = load_table(folder / f"{table.name}.csv", remedy, dtype=kinds)
    return found.fillna(dict.fromkeys(table.text, ""))
