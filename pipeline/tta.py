"""Test-time augmentation: the scores of an image, averaged over several views of it.

``mirror`` averages an image and its left-right mirror image with equal weights, as in Krizhevsky et
al. (2012) and Simonyan and Zisserman (2015, section 3.2), who also averaged probabilities.

``mirror_shift`` has the six views of airbench94 (Jordan 2024, arXiv 2404.00498, section 3.5): the
image; the image moved by one pixel, down and to the right or up and to the left; and the mirror
image of each of the three. What moves in at the border is the reflection of the image. The two
views that are not moved have a weight of a quarter each, the other four of an eighth each.

Departure from the paper: it averages a network's outputs before the softmax. Here the scores are
averaged from which a run predicts: probabilities of a network, decision values of a classical run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import check_known
from pipeline.folds import pooled
from pipeline.progress import Tenths

Tta = Literal["none", "mirror", "mirror_shift"]
"""What test-time augmentation is called in params.yaml."""
Scorer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A trained run: (n, height, width, 3) uint8 RGB images in, (n, classes) scores out."""
BLOCK_VALUES = 2**24
"""Values of the images that are augmented at once: 16 MB, for each of a few arrays."""
TTA_SPLITS = ("validation", "test")
"""Splits that are scored with test-time augmentation; nobody needs it on the training images."""


@dataclass(frozen=True)
class View:
    """One of the images that are scored in place of an image."""

    weight: float
    """Share of its scores in the average."""
    mirrored: bool = False
    """Whether it is mirrored left to right, after it was moved."""
    shift: int = 0
    """Pixels by which the image is moved down and to the right: -1, 0 or 1."""


VIEWS: Mapping[str, tuple[View, ...]] = {
    "none": (View(1.0),),
    "mirror": (View(0.5), View(0.5, mirrored=True)),
    "mirror_shift": tuple(
        View(0.125 if shift else 0.25, mirrored, shift)
        for shift in (0, 1, -1)
        for mirrored in (False, True)
    ),
}
"""Name -> the views of an image; their weights sum to 1."""


@dataclass(frozen=True)
class AugmentedScores:
    """What a run predicts with test-time augmentation; empty without it."""

    scores: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Each of `TTA_SPLITS` -> (n, classes), averaged over the views."""
    notes: dict[str, float] = field(default_factory=dict)
    """For the card: ``tta_ms_per_image``, the time of all views of a test image together, from
    pixels to scores."""


def augmented_splits(
    score: Scorer, images: Mapping[str, NDArray[np.uint8]], tta: Tta
) -> AugmentedScores:
    """Score the splits `TTA_SPLITS` with test-time augmentation, and print progress.

    Args:
        score: the trained run.
        images: split -> (n, height, width, 3) uint8, RGB, possibly memory-mapped.
        tta: the kind; with ``none``, nothing is scored.
    """
    if tta == "none":
        return AugmentedScores()
    scores, seconds = {}, 0.0
    for split in TTA_SPLITS:
        start = time.perf_counter()
        scores[split] = augmented_scores(
            score, images[split], tta, Tenths(f"{tta}, {split}", len(images[split]))
        )
        seconds = time.perf_counter() - start
    return AugmentedScores(scores, {"tta_ms_per_image": 1000 * seconds / len(images[split])})


def pooled_augmented(
    folds: NDArray[np.integer], parts: Sequence[AugmentedScores]
) -> AugmentedScores:
    """Join what the models of a cross-validation predict; empty without test-time augmentation."""
    if not parts:
        return AugmentedScores()
    scores = pooled(folds, [each.scores for each in parts])
    return AugmentedScores(scores, parts[-1].notes)


def augmented_scores(
    score: Scorer,
    images: NDArray[np.uint8],
    tta: Tta,
    on_images: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return (n, classes) scores, averaged over the views of each image.

    Views are made for one block of images at a time. With ``none``, the scores are those of `score`
    itself, unchanged.

    Args:
        score: the trained run.
        images: (n, height, width, 3) uint8, RGB, possibly memory-mapped.
        tta: the kind.
        on_images: called after each block with the number of images that are finished.

    Raises:
        StudyError: for another kind.
    """
    check_known(tta, list(VIEWS), "test-time augmentation")
    if tta == "none":
        return score(images)
    # Blocks of equal size, because a network is compiled again for a batch of another size.
    blocks = max(1, math.ceil(images.size / BLOCK_VALUES))
    parts: list[NDArray[np.float32]] = []
    done = 0
    for block in np.array_split(images, min(blocks, max(1, len(images)))):
        first, *others = VIEWS[tta]
        mean = first.weight * score(seen(block, first))
        for view in others:
            mean += view.weight * score(seen(block, view))
        parts.append(mean)
        done += len(block)
        if on_images is not None:
            on_images(done)
    return np.concatenate(parts)


def seen(images: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return a view of each image, as a copy unless it is the image itself.

    The reflection leaves out the border pixel, as ``reflect`` in NumPy and PyTorch. An image that
    is one pixel high or wide is not changed by a move in that direction.

    Args:
        images: (n, height, width, channels).
        view: what to do with them.
    """
    height, width = images.shape[1:3]
    rows, columns = _sources(height, view.shift), _sources(width, view.shift)
    if view.mirrored:
        columns = columns[::-1]
    if view.shift:
        images = np.take(images, rows, axis=1)
    return np.take(images, columns, axis=2) if view.shift or view.mirrored else images


def _sources(side: int, shift: int) -> NDArray[np.intp]:
    """Return the position (side,) that each pixel of a row comes from."""
    padded = np.pad(np.arange(side), 1, mode="reflect")
    return padded[1 - shift : 1 - shift + side]
