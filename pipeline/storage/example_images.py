"""The few validation images on which a study shows what its methods see: the same for all of them.

They stand apart from `pipeline.sampling`, on which trainings depend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sampling import stratified_order
from pipeline.storage.splits import load_ids, load_images, load_labels, load_task

IMAGES = 5
"""Images that are drawn, each of another class as far as there are classes."""
ORIGINAL_SIDE = 128
"""Pixels that the longer side of an enlarged image has at least."""


@dataclass(frozen=True)
class ExampleImages:
    """Validation images with all that a picture says of them."""

    pixels: NDArray[np.uint8]
    """(n, height, width, 3) in RGB order."""
    ids: tuple[int, ...]
    class_names: tuple[str, ...]
    """Of each image, the name of its class."""


def load_example_images(seed: int) -> ExampleImages:
    """Choose by the study's seed, and read."""
    labels = load_labels("validation")
    chosen = choose_images(labels, seed)
    names = load_task().class_names
    return ExampleImages(
        pixels=np.array(load_images("validation")[chosen]),
        ids=tuple(int(id_) for id_ in load_ids("validation")[chosen]),
        class_names=tuple(names[label] for label in labels[chosen]),
    )


def choose_images(labels: NDArray[np.integer], seed: int, count: int = IMAGES) -> NDArray[np.int64]:
    """Return the positions of `count` images, sorted by class: classes take turns, at random."""
    order = stratified_order(labels, seed)
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    chosen = order[np.argsort(turn[order], kind="stable")][:count]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def enlarged(image: NDArray[np.uint8], side: int = ORIGINAL_SIDE) -> NDArray[np.uint8]:
    """Enlarge an image by a whole factor, each pixel to a square, to at least `side` pixels.

    Args:
        image: (height, width, 3).
        side: what the longer side shall have at least; a larger image stays as it is.
    """
    factor = max(1, -(-side // max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)
