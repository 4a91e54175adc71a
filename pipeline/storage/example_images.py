"""A few validation images that show what each method sees; the same images for all methods.

This module is separate from `pipeline.sampling`, on which trainings depend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.folds import rows_of_stored_model
from pipeline.sampling import stratified_order
from pipeline.storage.splits import load_folds, load_ids, load_images, load_labels, load_task

IMAGES = 5
"""Number of images, each of a different class if there are enough classes."""
ORIGINAL_SIDE = 128
"""Minimum length of the longer side of an enlarged image, in pixels."""


@dataclass(frozen=True)
class ExampleImages:
    """Validation images with their ids and class names."""

    pixels: NDArray[np.uint8]
    """(n, height, width, 3) in RGB order, or (n, height, width, 1) in gray."""
    ids: tuple[int, ...]
    class_names: tuple[str, ...]
    """The class of each image."""


def load_example_images(seed: int) -> ExampleImages:
    """Choose images by the study's seed, and read them."""
    labels, folds = load_labels("validation"), load_folds("validation")
    # With folds, the stored model has learned from all images but those of the first fold.
    held = np.arange(len(labels)) if folds is None else rows_of_stored_model(folds)["validation"]
    chosen = held[choose_images(labels[held], seed)]
    names = load_task().class_names
    return ExampleImages(
        pixels=np.array(load_images("validation")[chosen]),
        ids=tuple(int(id_) for id_ in load_ids("validation")[chosen]),
        class_names=tuple(names[label] for label in labels[chosen]),
    )


def choose_images(labels: NDArray[np.integer], seed: int, count: int = IMAGES) -> NDArray[np.int64]:
    """Return the positions of `count` random images, taken from the classes in turn.

    They are sorted by class.
    """
    order = stratified_order(labels, seed)
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    chosen = order[np.argsort(turn[order], kind="stable")][:count]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def enlarged(image: NDArray[np.uint8], side: int = ORIGINAL_SIDE) -> NDArray[np.uint8]:
    """Enlarge an image by an integer factor, so that each pixel becomes a square.

    Args:
        image: (height, width, channels).
        side: minimum length of the longer side in pixels; larger images do not change.
    """
    factor = max(1, -(-side // max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)
