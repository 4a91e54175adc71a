"""Products of features with weights, for solvers that make many passes over the images."""

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

    Blocks fit a core's cache, so a product and its transpose read the features once. Threads share
    groups of blocks; BLAS is limited to one thread, because its threads would wait for each other
    at each block. The order of sums does not depend on the number of threads.
    """

    def __init__(self, x: NDArray[np.float32], threads: ThreadPoolExecutor) -> None:
        self.x = x
        self.threads = threads
        self.dtype: np.dtype = np.dtype(np.float32)
        size = max(64, _BLOCK_BYTES // (4 * max(1, x.shape[1])))
        blocks = [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]
        group = max(1, -(-len(blocks) // _GROUPS))
        self.groups = [blocks[i : i + group] for i in range(0, len(blocks), group)]

    def forward(self, weights: Array) -> NDArray:
        """Return X W + b, (n, k)."""
        cast = weights.astype(self.dtype)
        found = np.empty((len(self.x), weights.shape[1]), self.dtype)

        def fill(blocks: list[slice]) -> None:
            for block in blocks:
                found[block] = self._block(block) @ cast[:-1] + cast[-1]

        list(self.threads.map(fill, self.groups))
        return found

    def backward(self, gradient: NDArray) -> Array:
        """Return X' G with the column sums of G below it, (d + 1, k), for an (n, k) gradient G."""
        return self._summed(lambda block, x: gradient[block], gradient.shape[1])

    def hessian_product(self, loss: Loss, curvature: NDArray, weights: Array) -> Array:
        """Return the product of the loss's Hessian with `weights`, (d + 1, k), in one pass."""
        cast = weights.astype(self.dtype)
        return self._summed(
            lambda block, x: loss.hessian_product(curvature[block], x @ cast[:-1] + cast[-1]),
            weights.shape[1],
        )

    def _summed(self, factor_of: Callable[[slice, NDArray], NDArray], width: int) -> Array:
        def add_up(blocks: list[slice]) -> Array:
            total = np.zeros((width, self.x.shape[1] + 1))
            for block in blocks:
                x = self._block(block)
                factor = np.ascontiguousarray(factor_of(block, x).T)
                total[:, :-1] += factor @ x
                total[:, -1] += factor.sum(axis=1, dtype=np.float64)
            return total

        totals = list(self.threads.map(add_up, self.groups))
        return np.ascontiguousarray(np.sum(totals, axis=0).T)

    def _block(self, block: slice) -> NDArray:
        return self.x[block].astype(self.dtype, copy=False)
