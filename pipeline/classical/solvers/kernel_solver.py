"""Solves (K + alpha I) c = y for several y at once, with the RBF kernel matrix K of many images."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from pipeline.classical.solvers.kernel_matrix import BLOCK, KernelMatrix
from pipeline.machine import allowed_threads

_MOST_STEPS = 300
_COLUMNS = 2_000
"""The preconditioner's columns, at most a quarter of the images; more would not pay off."""


@dataclass(frozen=True)
class Solution:
    """Weights of the images, and how far the solver got."""

    weights: NDArray[np.float32]
    """(n, k)."""
    products: NDArray[np.float32]
    """(n, k): K times the weights."""
    n_iter: int
    residual: float
    """The largest of the k norms of the residual relative to the right-hand side."""


def solve(
    sets: tuple[NDArray[np.float32], ...],
    gamma: float,
    alpha: float,
    targets: NDArray[np.float64],
    tol: float,
    seed: int,
    n_even: int | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Solution:
    """Solve for (n, k) `targets` by preconditioned conjugate gradients.

    Args:
        sets: the (n, d) images, and optionally their mirror images; see `KernelMatrix`.
        gamma: the kernel coefficient.
        alpha: the number that is added to the diagonal.
        targets: (n, k), the right-hand sides.
        tol: stop at this norm of the residual relative to each right-hand side.
        seed: seed for the preconditioner's columns.
        n_even: see `KernelMatrix`.
        weights: (n,) positive weights of the images' squared errors: alpha divided by them is
            added to the diagonal. None for 1.
    """
    count = allowed_threads()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(count) as threads:
        kernel = KernelMatrix(sets, gamma, threads, n_even)
        if weights is None:
            solution = _solve(kernel, alpha, targets.astype(np.float32), tol, seed)
        else:
            # With S = diag(sqrt(weights)), (S K S + alpha I) S^-1 c = S y.
            scale = np.sqrt(weights)[:, None].astype(np.float32)
            scaled = _ScaledKernel(kernel, scale)
            found = _solve(scaled, alpha, (scale * targets).astype(np.float32), tol, seed)
            solution = replace(
                found, weights=scale * found.weights, products=found.products / scale
            )
    if solution.residual > tol:
        warnings.warn(
            f"found a residual of {solution.residual:.1e} after {solution.n_iter} steps; expected "
            f"at most {tol:.0e}. Raise alpha or gamma",
            ConvergenceWarning,
            stacklevel=2,
        )
    return solution


def solver_bytes(n: int) -> int:
    """Return the approximate bytes that `solve` takes for n images.

    This is half of a matrix with two bytes per number. In addition, there are first the blocks
    being computed; then the columns of the preconditioner, twice in float32, and its inner matrix
    in float64 while that is factorized.
    """
    block, columns = min(BLOCK, n), max(1, min(_COLUMNS, n // 4))
    blocks = 8 * block**2 * min(allowed_threads(), -(-n // block))
    return n**2 + n * block + max(blocks, 8 * n * columns + 24 * columns**2)


class _Kernel(Protocol):
    """What the solver needs of a symmetric matrix."""

    n: int
    largest: float
    """The largest number on its diagonal."""

    def times(self, weights: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def columns(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]: ...


class _ScaledKernel:
    """A kernel whose rows and columns are multiplied by an (n, 1) scale."""

    def __init__(self, kernel: KernelMatrix, scale: NDArray[np.float32]) -> None:
        self.kernel, self.scale, self.n = kernel, scale, kernel.n
        self.largest = float(np.square(scale).max())

    def times(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (n, k) product with (n, k) weights."""
        return self.scale * self.kernel.times(self.scale * weights)

    def columns(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the (n, m) chosen columns."""
        found = self.kernel.columns(chosen)
        found *= self.scale
        found *= self.scale[chosen].T
        return found


def _solve(
    kernel: _Kernel, alpha: float, targets: NDArray[np.float32], tol: float, seed: int
) -> Solution:
    return _conjugate_gradients(kernel, alpha, targets, tol, _Nystroem(kernel, alpha, seed))


class _Nystroem:
    """Solves with alpha plus the Nyström approximation of the kernel from random columns."""

    def __init__(self, kernel: _Kernel, alpha: float, seed: int) -> None:
        count = max(1, min(_COLUMNS, kernel.n // 4))
        chosen = np.sort(np.random.default_rng(seed).permutation(kernel.n)[:count])
        columns = kernel.columns(chosen)
        corner = columns[chosen].astype(np.float64)
        # Kernels of near-duplicates are singular, except for rounding.
        corner[np.diag_indices(count)] += 1e-5 * max(1.0, np.sqrt(count)) * kernel.largest
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
    kernel: _Kernel,
    alpha: float,
    targets: NDArray[np.float32],
    tol: float,
    precondition: _Nystroem,
) -> Solution:
    weights = np.zeros_like(targets)
    residual = targets.copy()
    lengths = np.maximum(np.linalg.norm(targets, axis=0), np.finfo(np.float32).tiny)
    preconditioned = precondition(residual)
    direction = preconditioned.copy()
    product = _dots(residual, preconditioned)
    relative, step = 1.0, 0
    while relative > tol and step < _MOST_STEPS:
        change = kernel.times(direction)
        change += np.float32(alpha) * direction
        # A class that is solved to the last digit has direction 0.
        length = _ratio(product, _dots(direction, change))
        weights += length * direction
        residual -= length * change
        step += 1
        relative = float((np.linalg.norm(residual, axis=0) / lengths).max())
        preconditioned = precondition(residual)
        last, product = product, _dots(residual, preconditioned)
        direction *= _ratio(product, last)
        direction += preconditioned
    products = targets - residual - np.float32(alpha) * weights
    return Solution(weights, products, step, relative)


def _dots(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.einsum("ij,ij->j", a, b, dtype=np.float64)


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0).astype(np.float32)
