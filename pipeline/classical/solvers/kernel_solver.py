"""Solving (K + alpha I) c = y for several y side by side, K a radial kernel of many images."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from pipeline.classical.solvers.kernel_matrix import BLOCK, KernelMatrix
from pipeline.machine import allowed_threads

_MOST_STEPS = 300
_COLUMNS = 2_000
"""Of the preconditioner, at most a quarter of the images: with more it costs more than it saves."""


@dataclass(frozen=True)
class Solution:
    """Weights of the images, and how far the solver got."""

    weights: NDArray[np.float32]
    """(n, k)."""
    n_iter: int
    residual: float
    """The largest of the k residuals, as a part of the length of its y."""


def solve(
    sets: tuple[NDArray[np.float32], ...],
    gamma: float,
    alpha: float,
    targets: NDArray[np.float64],
    tol: float,
    seed: int,
) -> Solution:
    """Solve for (n, k) `targets` by preconditioned conjugate gradients.

    Args:
        sets: the (n, d) images, and perhaps their mirror images; see `KernelMatrix`.
        gamma: the kernel's width.
        alpha: what is added to the diagonal.
        targets: (n, k), the right-hand sides.
        tol: the residual at which to stop, as a part of each right-hand side's length.
        seed: of the preconditioner's columns.
    """
    count = allowed_threads()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(count) as threads:
        kernel = KernelMatrix(sets, gamma, threads)
        precondition = _Nystroem(kernel, alpha, seed)
        solution = _conjugate_gradients(
            kernel, alpha, targets.astype(np.float32), tol, precondition
        )
    if solution.residual > tol:
        warnings.warn(
            f"found a residual of {solution.residual:.1e} after {solution.n_iter} steps; expected "
            f"{tol:.0e}. Raise alpha, or gamma",
            ConvergenceWarning,
            stacklevel=2,
        )
    return solution


def solver_bytes(n: int) -> int:
    """Return the bytes that `solve` takes for n images, roughly.

    Half of a matrix, in two bytes a number. Beside it, first the blocks that are being made; then
    the columns of the preconditioner, twice in float32, and its inner matrix in float64 while that
    is factored.
    """
    block, columns = min(BLOCK, n), max(1, min(_COLUMNS, n // 4))
    blocks = 8 * block**2 * min(allowed_threads(), -(-n // block))
    return n**2 + n * block + max(blocks, 8 * n * columns + 24 * columns**2)


class _Nystroem:
    """Solves with the Nyström approximation of the kernel, from random columns, plus alpha."""

    def __init__(self, kernel: KernelMatrix, alpha: float, seed: int) -> None:
        count = max(1, min(_COLUMNS, kernel.n // 4))
        chosen = np.sort(np.random.default_rng(seed).permutation(kernel.n)[:count])
        columns = kernel.columns(chosen)
        corner = columns[chosen].astype(np.float64)
        # Kernels of near duplicates are singular but for rounding.
        corner[np.diag_indices(count)] += 1e-5 * max(1.0, np.sqrt(count))
        root = cholesky(corner, lower=True).astype(np.float32)
        self.alpha = np.float32(alpha)
        self.map = solve_triangular(root, columns.T, lower=True, overwrite_b=True)  # (m, n)
        inner = (self.map @ self.map.T).astype(np.float64)
        inner[np.diag_indices(count)] += alpha
        self.inner = cho_factor(inner, overwrite_a=True)

    def __call__(self, residual: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (map' map + alpha)^-1 residual, by Woodbury's identity."""
        inner = cho_solve(self.inner, (self.map @ residual).astype(np.float64))
        return (residual - self.map.T @ inner.astype(np.float32)) / self.alpha


def _conjugate_gradients(
    kernel: KernelMatrix,
    alpha: float,
    targets: NDArray[np.float32],
    tol: float,
    precondition: _Nystroem,
) -> Solution:
    weights = np.zeros_like(targets)
    residual = targets.copy()
    lengths = np.maximum(np.linalg.norm(targets, axis=0), np.finfo(np.float32).tiny)
    ahead = precondition(residual)
    direction = ahead.copy()
    product = _dots(residual, ahead)
    left, step = 1.0, 0
    while left > tol and step < _MOST_STEPS:
        bent = kernel.times(direction)
        bent += np.float32(alpha) * direction
        # A class that is solved to the last digit has no direction left.
        length = _ratio(product, _dots(direction, bent))
        weights += length * direction
        residual -= length * bent
        step += 1
        left = float((np.linalg.norm(residual, axis=0) / lengths).max())
        ahead = precondition(residual)
        last, product = product, _dots(residual, ahead)
        direction *= _ratio(product, last)
        direction += ahead
    return Solution(weights, step, left)


def _dots(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.einsum("ij,ij->j", a, b, dtype=np.float64)


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0).astype(np.float32)
