"""Principal components of pooled codes, each of which is even or odd under mirroring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, qr
from threadpoolctl import threadpool_limits

_EXACT = 1600
"""Above this size, leading eigenvectors are found by subspace iteration."""
_ITERATIONS = 6
_EXTRA = 64
_LEAST_VARIANCE = 1e-6
"""As a fraction of the largest: smaller variances are rounding errors."""

Floats = NDArray[np.float32]
Pair = tuple[Floats, Floats]
"""Even and odd parts: mirroring negates the second."""


@dataclass(frozen=True)
class ParityComponents:
    """A projection of even and odd numbers onto the leading components of both."""

    mean: Floats
    """(d,) float32 mean of the even numbers; that of the odd ones is 0."""
    even: Floats
    """(d, k) float32."""
    odd: Floats
    """(d', k') float32."""

    @property
    def n_parameters(self) -> int:
        """Learned numbers."""
        return self.mean.size + self.even.size + self.odd.size

    def project(self, parts: Pair) -> Pair:
        """Return the (..., k) and (..., k') components of (..., d) and (..., d') numbers."""
        even = parts[0] @ self.even
        even -= self.mean @ self.even
        return even, parts[1] @ self.odd


def fit_components(
    parts: Pair, count: int, flatten: float, rng: np.random.Generator
) -> ParityComponents:
    """Find the `count` components of the largest variance among the even and the odd ones.

    The mirror images of the rows are part of the sample, so the covariance of even and odd numbers
    is 0, and the mean of the odd ones.

    Args:
        parts: (n, d) and (n, d') float32.
        count: number of components; fewer if fewer have any variance.
        flatten: divide each component by its standard deviation to this power.
        rng: draws the start of subspace iterations.
    """
    mean = parts[0].mean(axis=0, dtype=np.float64).astype(np.float32)
    found = [_leading(rows, count, rng) for rows in (parts[0] - mean, parts[1])]
    together = np.sort(np.concatenate([values for values, _ in found]))[::-1]
    largest = max(float(together[0]), float(np.finfo(np.float32).tiny))
    least = max(float(together[:count][-1]), _LEAST_VARIANCE * largest)
    kept = []
    for values, vectors in found:
        some = values >= least
        # Relative to the largest variance, which keeps numbers near 1.
        scale = (np.maximum(values[some], least) / largest) ** (-flatten / 2)
        kept.append(np.ascontiguousarray(vectors[:, some] * scale, dtype=np.float32))
    return ParityComponents(mean, kept[0], kept[1])


def _leading(
    rows: Floats, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return up to `count` of the largest variances (k,) and their directions (d, k)."""
    d = rows.shape[1]
    count = min(count, d)
    covariance = (rows.T @ rows) / np.float32(len(rows))
    if d <= _EXACT or count + _EXTRA >= d // 2:
        values, vectors = _eigenvectors(covariance.astype(np.float64), count)
    else:
        basis = rng.standard_normal((d, count + _EXTRA), dtype=np.float32)
        for _ in range(_ITERATIONS):
            basis = qr(covariance @ basis, mode="economic", overwrite_a=True)[0]
        small = (basis.T @ (covariance @ basis)).astype(np.float64)
        values, inner = _eigenvectors(small, count)
        vectors = basis @ inner
    return np.maximum(values[::-1], 0), _signed(vectors[:, ::-1])


def _eigenvectors(matrix: NDArray[np.float64], count: int) -> tuple[NDArray, NDArray]:
    """Return the `count` largest eigenvalues of a symmetric matrix, in rising order, and vectors.

    One thread: more gain little, and take ten times as long if other programs use the processor.
    """
    with threadpool_limits(1, user_api="blas"):
        d = len(matrix)
        values, vectors = eigh(matrix, subset_by_index=(d - count, d - 1), overwrite_a=True)
    return values, vectors


def _signed(vectors: NDArray) -> NDArray:
    """Make the largest number of each column positive; the sign of a component is arbitrary."""
    largest = np.abs(vectors).argmax(axis=0)
    signed: NDArray = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return signed
