"""The test images that the report shows: a handful to look at, and all their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from pipeline.checks import check_images
from pipeline.results import Results
from pipeline.sampling import stratified_order
from pipeline.storage import example_images
from pipeline.storage.files import atomic
from pipeline.storage.paths import STUDY

PICTURE_SIDE = 96
"""Pixels that a picture's longer side has at least, so that a 32-pixel image can be looked at."""
PICTURED = ("samples", "certainty", "errors")
"""Tables whose column ``image`` names pictures."""
THUMBNAIL_SIDE = 48
"""Pixels that the longer side of an image behind a cell of a confusion matrix has at most."""
THUMBNAIL_QUALITY = 90
"""Of JPEG with full colour resolution: of 300 images of 32 pixels, 0.7 kB each against 2.1 kB as
PNG, for a mean difference of 1.2 levels of 255. There are up to 1,200 on a page."""


@dataclass(frozen=True)
class Samples:
    """Positions in the test split, each image once."""

    drawn: NDArray[np.int64]
    """A stratified draw: what the test set looks like."""
    disagreeing: NDArray[np.int64]
    """Images that the given predictions do not agree on: interesting, and not representative."""


def choose_samples(
    labels: NDArray[np.integer],
    predictions: Sequence[NDArray[np.integer]],
    seed: int,
    count: int = 12,
) -> Samples:
    """Choose half the images by a stratified draw, half where predictions disagree.

    Args:
        labels: (n,) labels of the test split.
        predictions: (n,) predicted classes, of the best run of each family; with one alone, the
            images that it got wrong stand for the disagreement.
        seed: the same seed and arrays give the same images.
        count: images in all; fewer where the split is smaller or all agree.
    """
    order = stratified_order(labels, seed)
    drawn = order[: (count + 1) // 2]
    others = predictions[1:] if len(predictions) > 1 else [np.asarray(labels)]
    differ = np.zeros(len(labels), dtype=bool)
    for other in others:
        differ |= predictions[0] != other
    differ[drawn] = False
    candidates = np.flatnonzero(differ)
    order = _class_by_class(labels[candidates], seed, seen=labels[drawn])
    chosen = candidates[order[: count // 2]]
    return Samples(_by_class(drawn, labels), _by_class(chosen, labels))


def save_pictures(
    images: NDArray[np.uint8],
    ids: NDArray[np.integer],
    results: Results,
    folder: Path = STUDY,
) -> None:
    """Write PNG pictures where column ``image`` of the tables of `PICTURED` says.

    Pixels are enlarged by a whole factor without smoothing: what is shown is what the runs saw.
    Those of ``confusion_images`` are many, so they are small JPEGs, which the page enlarges.

    Args:
        images: (n, height, width, 3) uint8 RGB images of the test split; may be memory-mapped.
        ids: (n,) their ids.
        results: what `evaluate` returned.
        folder: the report's folder.
    """
    check_images(images, "images of the test split")
    position = {int(image): index for index, image in enumerate(ids)}

    def wanted(*names: str) -> dict[Path, NDArray[np.uint8]]:
        rows = pd.concat([results.tables[name][["id", "image"]] for name in names])
        return {
            folder / row["image"]: np.asarray(images[position[int(row["id"])]])
            for row in rows.drop_duplicates("image").to_dict("records")
        }

    large, small = wanted(*PICTURED), wanted("confusion_images")
    for path, image in large.items():
        with atomic(path) as temporary:
            enlarged(image).save(temporary, format="PNG")
    for path, image in small.items():
        with atomic(path) as temporary:
            thumbnail(image).save(
                temporary, "JPEG", quality=THUMBNAIL_QUALITY, subsampling=0, optimize=True
            )


def enlarged(image: NDArray[np.uint8]) -> Image.Image:
    """Enlarge one (height, width, 3) uint8 RGB image by a whole factor, each pixel to a square."""
    return Image.fromarray(example_images.enlarged(image, PICTURE_SIDE))


def thumbnail(image: NDArray[np.uint8]) -> Image.Image:
    """Reduce one (height, width, 3) uint8 RGB image to `THUMBNAIL_SIDE`; smaller ones stay."""
    small = Image.fromarray(image)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return small


def _class_by_class(
    labels: NDArray[np.integer], seed: int, seen: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Order images so that classes take turns, those that were `seen` least going first."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        turn[members] = np.arange(len(members)) + np.count_nonzero(seen == label)
    return shuffled[np.argsort(turn[shuffled], kind="stable")]


def _by_class(positions: NDArray[np.int64], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    return positions[np.argsort(labels[positions], kind="stable")]
