"""Orientation bins of gradients by table lookup: the numerical core of hard binning in `hog`.

The rules are those of ``skimage.feature.hog`` (0.26), which `hog` must match. A vote goes to a
single bin. Bin i of n contains the angles in [i, i + 1) · 180°/n (360°/n if signed), with edges
rounded to float32. An angle that rounds to exactly 180°, which only noise in the last digit can
cause, votes for no bin. A single vote in a different bin changes the features, so every decision
must be the same as skimage's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

NEAR, AXIS, BIN = 128, 64, 63
"""Bits in an entry of `ratio_table`: it contains an edge; it contains an axis; the bin itself."""

HALF = 1 << 15
"""Entries of the ratio table for each sign of the ratio."""
_WRONG = 0.02
"""Error of a float32 ratio, in entries, with a safety margin (it is less than 0.01)."""


@dataclass(frozen=True)
class Orientations:
    """How angles are divided into bins."""

    count: int
    """Number of bins, at most 63."""
    signed: bool
    """Bins over 360°, which distinguish opposite gradients, instead of over 180°."""

    def bins(self, y: NDArray, x: NDArray) -> NDArray[np.uint8]:
        """Return the bins of float64 gradients by skimage's formula; `count` means no bin."""
        period = 360 if self.signed else 180
        angle = np.arctan2(y, x) * (180 / np.pi) % period
        edges = (period / self.count * np.arange(1, self.count + 1)).astype(np.float32)
        found = np.searchsorted(edges.astype(np.float64), angle, side="right")
        # skimage has no signed angles, so no votes over 360° are lost.
        return np.minimum(found, self.count - 1 if self.signed else self.count).astype(np.uint8)


@cache
def difference_table(orientations: Orientations) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Tabulate the votes of all gradients (y, x) in -255..255.

    An entry is ``rank << 8 | bin``, so the largest entry has the largest magnitude. Bits 6 and 7
    are free for the priority of a channel among equals. Magnitudes are ranked with the rounding of
    ``np.hypot``, as in skimage's comparison.
    """
    y, x = np.meshgrid(*[np.arange(-255.0, 256.0)] * 2, indexing="ij")
    magnitudes, rank = np.unique(np.hypot(y, x), return_inverse=True)
    entries = rank.reshape(-1).astype(np.int32) << 8 | orientations.bins(y, x).ravel()
    return entries.astype(np.int32), magnitudes.astype(np.float32)


@cache
def ratio_table(orientations: Orientations) -> NDArray[np.uint8]:
    """Tabulate the bins by ratio: entry j covers ratios in [j, j + 1) / HALF - 1, for x >= 0.

    The ratio is y / (|x| + |y|), with the sign of x. For angles over 360°, the entries for x < 0
    follow. The last entry is `NEAR`, for votes that are uncertain for another reason. ``entry &
    BIN`` is the bin, which is uncertain if `NEAR` is set. If y and x are rounded and not integers,
    it is also uncertain if `AXIS` is set, except for gradients exactly on an axis.

    The two ends of an entry are widened by more than the error of float32; if their bins differ,
    the entry is marked as near an edge. Many pixels lie on the axes; there the ends are not
    widened, because the sign of an integer is exact.
    """
    entry = np.arange(2 * HALF + 1)
    first = np.clip((entry - _WRONG) / HALF - 1, -1, 1)
    last = np.clip((entry + 1 + _WRONG) / HALF - 1, -1, 1)
    last[:-1][last[:-1] == 1] = 1 - 1e-9
    first[HALF], last[HALF - 1], first[-1] = 0, -1e-9, 1
    tables = []
    for side in (1.0, -1.0) if orientations.signed else (1.0,):
        ends = [orientations.bins(side * p, side * (1 - np.abs(p))) for p in (first, last)]
        table = ends[0] | np.where(ends[0] == ends[1], 0, NEAR).astype(np.uint8)
        table[[HALF, -1]] |= AXIS
        tables.append(table)
    return np.concatenate([*tables, np.array([NEAR], dtype=np.uint8)])
