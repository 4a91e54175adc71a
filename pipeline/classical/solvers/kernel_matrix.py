"""The RBF kernel matrix of all training images, in an eighth of the memory of float64.

The matrix is symmetric, so only the blocks on and below its diagonal are stored. Its values lie in
0..1, so 16-bit fixed point represents them to 8e-6: 2 GB for 45,000 images instead of 16 GB in
float64. An error of that size moves no eigenvalue by more than about 1e-5 times the square root of
the number of images, far below any useful regularization.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.solvers.rbf_kernel import mirrored_kernel, rbf_kernel

_STEPS = 65_535
BLOCK = 2_048
"""Rows and columns of a block: 8 MB, and a few times that while it is computed."""


class KernelMatrix:
    """Symmetric (n, n) kernel of n images, averaged over mirror images if there are any.

    With the mirror image m(x) of x, the kernel of two images is the mean of k(x, y), k(x, m(y)),
    k(m(x), y) and k(m(x), m(y)). This is the kernel of Haasdonk, Vossen and Burkhardt (2005,
    "Invariance in Kernel Methods by Haar-Integration Kernels", section 3) for a group of two. Like
    a machine that learned from both, one with this kernel scores an image and its mirror image
    equally, but the matrix is only as large as for one.

    Args:
        sets: one or two (n, d) float32 arrays: the images, and their mirror images in that order.
        gamma: the kernel coefficient.
        n_even: if mirroring keeps this many first columns and negates the others: then the kernel
            of two mirror images is that of the images, so that two of the four kernels are enough,
            and the second set is not needed. Otherwise None.
        threads: the threads that share the blocks; BLAS should be limited to one thread.
    """

    def __init__(
        self,
        sets: tuple[NDArray[np.float32], ...],
        gamma: float,
        threads: ThreadPoolExecutor,
        n_even: int | None = None,
    ) -> None:
        self.sets, self.gamma, self.threads, self.n_even = sets, gamma, threads, n_even
        self.n = len(sets[0])
        self.largest = 1.0
        starts = range(0, self.n, BLOCK)
        self.places = [(i, j) for i in starts for j in starts if j <= i]
        self.blocks = list(threads.map(self._block, self.places))

    def times(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (n, k) float32 product with (n, k) weights; it is reproducible."""
        total = np.zeros(weights.shape, dtype=np.float32)
        products = self.threads.map(lambda at: self._products(at, weights), range(len(self.places)))
        for (i, j), (below, above) in zip(self.places, products, strict=True):
            total[i : i + len(below)] += below
            if above is not None:
                total[j : j + len(above)] += above
        return total

    def columns(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the (n, m) float32 kernel of all images with the chosen ones, not quantized."""
        found = np.empty((self.n, len(chosen)), dtype=np.float32)

        def fill(start: int) -> None:
            rows = slice(start, start + BLOCK)
            found[rows] = self._mean([s[rows] for s in self.sets], [s[chosen] for s in self.sets])

        list(self.threads.map(fill, range(0, self.n, BLOCK)))
        return found

    def _products(
        self, index: int, weights: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        i, j = self.places[index]
        block = self.blocks[index].astype(np.float32)
        block *= np.float32(1 / _STEPS)
        below = block @ weights[j : j + block.shape[1]]
        return below, block.T @ weights[i : i + block.shape[0]] if j < i else None

    def _block(self, place: tuple[int, int]) -> NDArray[np.uint16]:
        rows, columns = (slice(start, start + BLOCK) for start in place)
        values = self._mean([s[rows] for s in self.sets], [s[columns] for s in self.sets])
        values *= _STEPS
        np.rint(values, out=values)
        return values.astype(np.uint16)

    def _mean(self, rows: list[NDArray], columns: list[NDArray]) -> NDArray[np.float32]:
        if self.n_even is not None:
            return mirrored_kernel(rows[0], columns[0], self.n_even, self.gamma)
        total: NDArray[np.float32] | None = None
        for x in rows:
            for y in columns:
                part = rbf_kernel(x, y, self.gamma)
                total = part if total is None else np.add(total, part, out=total)
        if total is None:
            raise ValueError("found no set of images; expected one or two")
        total *= np.float32(1 / (len(rows) * len(columns)))
        return total
