"""Groups dealt to parts, so that each class has its share in each part, as near as groups allow.

Finding the best division is hard in general (it contains the partition problem). Here groups that a
class needs to be in every part come first, then the others from the largest to the smallest, each
to the part where it brings the counts of the classes nearest to their shares; afterward single
groups are moved as long as that helps. It is the greedy rule of scikit-learn's StratifiedGroupKFold
with other distances, and with parts of unequal size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SWEEPS = 5
"""The most rounds of moves."""


def group_counts(
    groups: NDArray[np.integer], labels: NDArray[np.integer], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (n,) numbers of groups from 0, and their (groups, classes) counts of images."""
    _, numbers = np.unique(groups, return_inverse=True)
    counts = np.zeros((int(numbers.max()) + 1, classes), dtype=np.int64)
    np.add.at(counts, (numbers, labels), 1)
    return numbers.astype(np.int64), counts


def assign_groups(
    counts: NDArray[np.int64],
    shares: Sequence[float],
    least: Sequence[int],
    seed: int,
) -> NDArray[np.int64]:
    """Deal groups to parts.

    Args:
        counts: (groups, classes) images of each class in each group.
        shares: of the images, one for each part; their sum is 1.
        least: for each part, how many groups of each class it needs. A class with fewer groups
            than all parts need together fills the first parts.
        seed: the same seed and groups give the same parts.

    Returns:
        (groups,) int64: the part of each group.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    dealing = _Dealing(counts, np.asarray(shares, dtype=float), np.asarray(least))
    dealing.reserve(order)
    for group in order:
        if dealing.part[group] < 0:
            dealing.put(group, int(dealing.added(group).argmin()))
    for _ in range(_SWEEPS):
        if not sum(dealing.improve(group) for group in order):
            break
    return dealing.part


class _Dealing:
    """Groups that are being dealt."""

    def __init__(
        self, counts: NDArray[np.int64], shares: NDArray[np.float64], least: NDArray[np.integer]
    ) -> None:
        self.counts, self.least = counts, least
        self.part = np.full(len(counts), -1, dtype=np.int64)
        self.wanted = np.outer(shares, counts.sum(axis=0))
        self.filled = np.zeros_like(self.wanted)
        self.members = np.zeros(self.wanted.shape, dtype=np.int64)
        """(parts, classes) groups of each class in each part."""

    def put(self, group: int, part: int) -> None:
        """Put a group into a part, from where it is."""
        old = self.part[group]
        if old >= 0:
            self.filled[old] -= self.counts[group]
            self.members[old] -= self.counts[group] > 0
        self.filled[part] += self.counts[group]
        self.members[part] += self.counts[group] > 0
        self.part[group] = part

    def reserve(self, order: NDArray[np.int64]) -> None:
        """Give each class the groups that it needs in each part, small ones, rare classes first."""
        smallest_first = order[::-1]
        of_class = (self.counts > 0).sum(axis=0)
        for label in np.argsort(of_class, kind="stable"):
            own = smallest_first[self.counts[smallest_first, label] > 0]
            for part, least in enumerate(self.least):
                free = own[self.part[own] < 0]
                for group in free[: max(0, int(least - self.members[part, label]))]:
                    self.put(group, part)

    def added(self, group: int) -> NDArray[np.float64]:
        """Return (parts,): how much the distance grows if the group is put into each part.

        The distance is the sum of (count - wanted)² / wanted over parts and classes.
        """
        scale = np.maximum(self.wanted, 1e-9)
        count = self.counts[group]
        grown: NDArray[np.float64] = (
            (2 * (self.filled - self.wanted) * count + count**2) / scale
        ).sum(axis=1)
        return grown

    def improve(self, group: int) -> bool:
        """Move a group to where it fits better, if no class then lacks a group; say if it did."""
        old, has = int(self.part[group]), self.counts[group] > 0
        if np.any(has & (self.members[old] <= self.least[old])):
            return False
        self.filled[old] -= self.counts[group]
        grown = self.added(group)
        self.filled[old] += self.counts[group]
        best = int(grown.argmin())
        if grown[best] >= grown[old] - 1e-9:
            return False
        self.put(group, best)
        return True
