"""Copies and near-duplicates within one set of images, as groups that a split should not divide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.duplicates.exact_copies import exact_copies
from pipeline.data.duplicates.near_duplicates import least_similarity
from pipeline.data.duplicates.similarity import best_outside, small_pictures
from pipeline.storage.near_duplicates import SimilarityCheck

_PASSES = 20
"""The most searches; each joins every group with its nearest others, so a few suffice."""


@dataclass(frozen=True)
class OwnGroups:
    """Images joined with those that they resemble."""

    groups: NDArray[np.int64]
    """(n,) int64; images of one group have the same number."""
    copies: int
    """Images that repeat the pixels of an earlier one."""
    alike: int
    """Other images that resemble another one."""
    tells: bool
    """Whether likeness separates near-duplicates from other pairs here (`SimilarityCheck.tells`);
    where not, only exact copies are joined."""


def own_groups(images: NDArray[np.uint8], similarity: float | None = None) -> OwnGroups:
    """Join the images that are copies or near-duplicates of each other, through any chain.

    Each pass compares every image with the nearest images outside its group, and joins the groups
    of those that are alike, until no pass finds any.

    Args:
        images: (n, height, width, 3) uint8 in RGB order; may be memory-mapped.
        similarity: the minimum correlation of a near-duplicate, in 0..1; by default that of
            `least_similarity`.
    """
    n = len(images)
    least = least_similarity(images.shape) if similarity is None else similarity
    copies = exact_copies({"train": images}, {"train": np.arange(n)}, ("train",))
    pairs = copies[["id", "first_id"]].to_numpy(dtype=np.int64).reshape(-1, 2)
    exact = joined(np.arange(n), pairs)
    groups, alike, tells = exact, np.zeros(n, dtype=bool), True
    pictures, queries = small_pictures(images), np.arange(n)
    for step in range(_PASSES):
        found = best_outside(images, pictures, groups, queries)
        likely = found["similarity"].to_numpy(dtype=float)
        if step == 0:
            tells = _tells(likely, n - len(np.unique(pairs)), least)
        found = found[likely >= least]
        if not tells or found.empty:
            break
        alike[found["query"].to_numpy(dtype=np.int64)] = True
        groups = joined(groups, found[["query", "other"]].to_numpy(dtype=np.int64))
        # The nearest images outside are other ones only for images of groups that have grown.
        queries = np.flatnonzero(np.isin(groups, groups[found["query"].to_numpy(dtype=np.intp)]))
    alike[pairs[:, 0]] = False
    return OwnGroups(groups, len(pairs), int(alike.sum()), tells)


def joined(groups: NDArray[np.integer], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join the groups of the two images of each pair, by union-find.

    Args:
        groups: (n,) a number in [0, n) for each image.
        pairs: (m, 2) positions of images.

    Returns:
        (n,) int64: the smallest number of the groups that are joined.
    """
    parent = np.arange(len(groups), dtype=np.int64)

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = int(parent[number])
        return number

    for first, second in np.asarray(groups)[pairs]:
        low, high = sorted((root(int(first)), root(int(second))))
        parent[high] = low
    return np.array([root(int(group)) for group in groups], dtype=np.int64)


def _tells(found: NDArray[np.floating], images: int, least: float) -> bool:
    """Check the threshold on this set; `found` has the best similarity of each compared image."""
    nearly = int(((found >= 2 * least - 1) & (found < least)).sum())
    return SimilarityCheck(least, max(images, 1), int((found >= least).sum()), nearly, 0).tells
