"""Distances to the nearest of known rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Neighbors:
    """Distances to the `k`-th nearest of known rows.

    Sun et al. (2022), "Out-of-distribution detection with deep nearest neighbors", call what is far
    from what a network was trained on another kind of image.

    Args:
        known: (n, d), at least one row.
        k: which neighbor; the last one if there are fewer rows.
    """

    def __init__(self, known: NDArray[np.floating], k: int = 5) -> None:
        self._known = known
        self._squares = np.einsum("ij,ij->i", known, known)
        self._k = min(k, len(known)) - 1

    def distances(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the (m,) Euclidean distances of other rows, (m, d)."""
        return self._to_nearest(rows, self._k)

    def own_distances(self) -> NDArray[np.float64]:
        """Return the (n,) distances of each known row to the others."""
        # The nearest of all is the row itself.
        return self._to_nearest(self._known, min(self._k + 1, len(self._known) - 1))

    def _to_nearest(self, rows: NDArray[np.floating], k: int) -> NDArray[np.float64]:
        squares = np.einsum("ij,ij->i", rows, rows)[:, None] + self._squares
        squares -= 2 * (rows @ self._known.T)
        nearest = np.partition(squares, k, axis=1)[:, k].astype(np.float64)
        return np.sqrt(np.maximum(nearest, 0))
