"""Seeded, stratified orders: the only way in which this project takes part of a dataset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stratified_order(labels: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """Order a dataset so that *every* prefix is stratified.

    Each class is shuffled by itself, and the i-th of its n images gets the position (i + u) / n,
    with one random u in (0, 1) per class; images are then sorted by position. A prefix of any
    length therefore contains each class in proportion, up to one image. Prefixes are nested, as
    learning curves and limits on the number of images require.

    Args:
        labels: (n,) integer class labels.
        seed: determines the order, together with the labels.

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
    """Return the sizes of a learning curve: repeatedly halved from `n`, ascending, at most `count`.

    Except for `n` itself, no size is below ten images per class, where a curve is mostly noise.
    """
    floor = max(2 * n_classes, min(10 * n_classes, n))
    sizes = [n]
    while len(sizes) < count and sizes[-1] // 2 >= floor:
        sizes.append(sizes[-1] // 2)
    return tuple(reversed(sizes))
