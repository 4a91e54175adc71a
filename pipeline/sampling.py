"""Seeded, stratified orders: the one way in which this project takes a part of a dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stratified_order(labels: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """Order a dataset so that *every* prefix is stratified.

    Each class is shuffled by itself, and the i-th of its n images is given the position (i + u) / n
    with one u in (0, 1) a class; images are then sorted by position. A prefix of any length so
    holds each class in proportion, up to one image. Prefixes are nested by construction, which is
    what a learning curve and a cap on the number of images need.

    Args:
        labels: (n,) integer class labels.
        seed: the same seed and labels give the same order.

    Returns:
        (n,) int64 permutation of ``range(n)``.
    """
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    position = np.empty(len(labels), dtype=np.float64)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        position[members] = (np.arange(len(members)) + rng.uniform(0.01, 0.99)) / len(members)
    return np.argsort(position, kind="stable").astype(np.int64)


def nested_sizes(n: int, n_classes: int, count: int = 5) -> tuple[int, ...]:
    """Sizes of a learning curve: halved from `n` downwards, ascending, at most `count` of them.

    No size is smaller than ten images a class, but for `n` itself: below that a curve is noise.
    """
    floor = max(2 * n_classes, min(10 * n_classes, n))
    sizes = [n]
    while len(sizes) < count and sizes[-1] // 2 >= floor:
        sizes.append(sizes[-1] // 2)
    return tuple(reversed(sizes))
