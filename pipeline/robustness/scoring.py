"""Scores of corrupted images. The images are made batch by batch and never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import check_finite
from pipeline.robustness.corruptions import corrupt

BATCH_VALUES = 2**22
"""Pixels times channels that are corrupted at once: 16 MB in float32, for each of a few arrays."""

Scorer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A stored run: (n, h, w, 3) uint8 RGB images in, (n, classes) scores out."""


def score_clean(
    score: Scorer, images: NDArray[np.uint8], on_images: Callable[[int], None]
) -> NDArray[np.float32]:
    """Return (n, classes) scores of uncorrupted images; for arguments see `score_corrupted`."""
    scores = []
    for rows in _batches(images):
        scores.append(score(np.asarray(images[rows])))
        on_images(len(scores[-1]))
    return _checked(np.concatenate(scores), "scores of uncorrupted test images")


def score_corrupted(
    score: Scorer,
    images: NDArray[np.uint8],
    ids: NDArray[np.integer],
    name: str,
    severities: Sequence[int],
    seed: int,
    on_images: Callable[[int], None],
) -> NDArray[np.float32]:
    """Score images under one corruption at several severities.

    All severities of a batch are scored in one call, because each call to an SVM has a fixed cost.

    Args:
        score: the run.
        images: (n, h, w, 3) uint8 RGB; may be memory-mapped.
        ids: (n,) ids of the images.
        name: the corruption.
        severities: each from 1 to 5.
        seed: the study's seed.
        on_images: called after each batch with the number of images scored.

    Returns:
        (severities, n, classes).

    Raises:
        StudyError: if a score is not finite.
    """
    scores = []
    for rows in _batches(images):
        batch = np.asarray(images[rows])
        corrupted = [corrupt(name, batch, severity, ids[rows], seed) for severity in severities]
        found = score(np.concatenate(corrupted))
        scores.append(found.reshape(len(severities), len(batch), -1))
        on_images(len(found))
    joined = np.concatenate(scores, axis=1)
    for severity, level in zip(severities, joined, strict=True):
        _checked(level, f"scores under {name}, severity {severity}")
    return joined


def _batches(images: NDArray[np.uint8]) -> Iterator[slice]:
    size = max(1, BATCH_VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), size):
        yield slice(start, start + size)


def _checked(scores: NDArray[np.float32], what: str) -> NDArray[np.float32]:
    check_finite(scores, what)
    return scores
