"""Products of features with weights, for solvers that pass over the images many times."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.solvers.loss import Array, Loss

_BLOCK_BYTES = 2**19
_GROUPS = 64


class RowProducts:
    """Products with the features and a column of ones, in passes over blocks of rows.

    Blocks fit a core's cache, so that a product and its transpose read the features once, and
    threads share out groups of them; BLAS itself is held to one thread, since its threads wait for
    each other at each block. Sums are in one order whatever the number of threads.
    """

    def __init__(self, x: NDArray[np.float32], threads: ThreadPoolExecutor) -> None:
        self.x = x
        self.threads = threads
        self.dtype: np.dtype = np.dtype(np.float32)
        size = max(64, _BLOCK_BYTES // (4 * max(1, x.shape[1])))
        blocks = [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]
        a_group = max(1, -(-len(blocks) // _GROUPS))
        self.groups = [blocks[i : i + a_group] for i in range(0, len(blocks), a_group)]

    def forward(self, weights: Array) -> NDArray:
        """Return X W + b, (n, k)."""
        cast = weights.astype(self.dtype)
        found = np.empty((len(self.x), weights.shape[1]), self.dtype)

        def fill(blocks: list[slice]) -> None:
            for block in blocks:
                found[block] = self._block(block) @ cast[:-1] + cast[-1]

        list(self.threads.map(fill, self.groups))
        return found

    def back(self, pulls: NDArray) -> Array:
        """Return X' P with the sums of P below it, (d + 1, k)."""
        return self._summed(lambda block, x: pulls[block], pulls.shape[1])

    def bend(self, loss: Loss, curvature: NDArray, weights: Array) -> Array:
        """Return the product of the loss's Hessian with `weights`, (d + 1, k), in one pass."""
        cast = weights.astype(self.dtype)
        return self._summed(
            lambda block, x: loss.bend(curvature[block], x @ cast[:-1] + cast[-1]),
            weights.shape[1],
        )

    def _summed(self, pulls_of: Callable[[slice, NDArray], NDArray], width: int) -> Array:
        def add_up(blocks: list[slice]) -> Array:
            total = np.zeros((width, self.x.shape[1] + 1))
            for block in blocks:
                x = self._block(block)
                pulls = np.ascontiguousarray(pulls_of(block, x).T)
                total[:, :-1] += pulls @ x
                total[:, -1] += pulls.sum(axis=1, dtype=np.float64)
            return total

        totals = list(self.threads.map(add_up, self.groups))
        return np.ascontiguousarray(np.sum(totals, axis=0).T)

    def _block(self, block: slice) -> NDArray:
        return self.x[block].astype(self.dtype, copy=False)
