"""Projection onto principal components, with bounded memory and reproducible signs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from threadpoolctl import threadpool_limits

_BLOCK_ROWS = 4096
_LEAST_VARIANCE = 1e-6
"""As a fraction of the largest variance: below it, float32 has only rounding errors."""
_ORTHOGONAL = 1e-2
"""Products of even and odd components that are still rounding errors."""


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """The leading principal components of scaled features, not whitened (Pearson 1901).

    Distances are preserved as well as `count` numbers can, so a kernel of the projection is nearly
    that of the features, at a cost proportional to `count`. The result equals
    ``sklearn.decomposition.PCA(count)`` up to the signs of components. It takes one pass of matrix
    products over blocks of rows, and never a second array of the features' size.

    With mirror images, the components are those of all rows together. If mirroring keeps distances,
    as a permutation or changes of sign do, each is even (the same for an image and its mirror
    image) or odd (the negative): even ones are found from half the sums of images and mirror
    images, and odd ones from half the differences. Together they would not be orthogonal if
    mirroring changed distances; then the parity of components is left open.

    Args:
        count: components to keep; fewer if there are fewer features or images, as in the first
            steps of a learning curve.
        mirrored: whether the second half of the rows are mirror images of the first, in order.
    """

    def __init__(self, count: int, mirrored: bool = False) -> None:
        self.count = count
        self.mirrored = mirrored

    def fit(self, features: NDArray, labels: NDArray | None = None) -> PrincipalComponents:
        """Find the components of (n, d) float32 features.

        Memory is proportional to the square of the smaller of n and d. With more features than
        images, the components are found in the space that the images span (Turk & Pentland 1991,
        "Eigenfaces for Recognition"), and directions without variance are left out.
        """
        self.mean_ = _mean(features)
        vectors = _of_both_parities(features, self.mean_, self.count) if self.mirrored else None
        if vectors is None:
            n, d = features.shape
            _, vectors = _leading(_centered(features, self.mean_), n, d, self.count)
        # The sign of a component is arbitrary: its largest number is made positive.
        largest = np.abs(vectors).argmax(axis=0)
        vectors *= np.sign(vectors[largest, np.arange(vectors.shape[1])])
        self.components_ = np.ascontiguousarray(vectors.T, dtype=np.float32)
        return self

    def transform(self, features: NDArray) -> NDArray[np.float32]:
        """Return the float32 projections, (n, count) or narrower, of (n, d) features."""
        projected = np.asarray(features, dtype=np.float32) @ self.components_.T
        projected -= self.components_ @ self.mean_.astype(np.float32)
        return projected


def _mean(features: NDArray) -> NDArray[np.float64]:
    sums = np.zeros(features.shape[1])
    for start in range(0, len(features), _BLOCK_ROWS):
        sums += features[start : start + _BLOCK_ROWS].sum(axis=0, dtype=np.float64)
    return sums / len(features)


Blocks = Iterator[NDArray[np.float32]]
"""Centered rows, a few thousand at a time."""


def _centered(features: NDArray, mean: NDArray[np.float64]) -> Blocks:
    center = mean.astype(np.float32)
    for start in range(0, len(features), _BLOCK_ROWS):
        yield np.asarray(features[start : start + _BLOCK_ROWS], dtype=np.float32) - center


def _half_sums(features: NDArray, mean: NDArray[np.float64], sign: int) -> Blocks:
    """Yield half the sums (sign 1) or differences (-1) of centered images and mirror images."""
    images, mirrors = np.split(features, 2)
    for image, mirror in zip(_centered(images, mean), _centered(mirrors, mean), strict=True):
        image += np.float32(sign) * mirror
        image /= 2
        yield image


def _of_both_parities(features: NDArray, mean: NDArray[np.float64], count: int) -> NDArray | None:
    """Return the even, then the odd ones of the leading components (d, count), if they exist."""
    n, d = len(features) // 2, features.shape[1]
    found = [_leading(_half_sums(features, mean, sign), n, d, count) for sign in (1, -1)]
    values = np.sort(np.concatenate([each for each, _ in found]))[::-1]
    least = max(values[:count][-1], _LEAST_VARIANCE * values[0])
    even, odd = (vectors[:, each >= least] for each, vectors in found)
    if even.size and odd.size and np.abs(even.T @ odd).max() > _ORTHOGONAL:
        return None
    return np.concatenate([even, odd], axis=1)


def _leading(blocks: Blocks, n: int, d: int, count: int) -> tuple[NDArray, NDArray]:
    """Return the largest variances (k,) of (n, d) rows and their directions (d, k)."""
    find = _of_features if d <= n else _of_images
    return find(blocks, n, d, min(count, n, d))


def _of_features(blocks: Blocks, n: int, d: int, count: int) -> tuple[NDArray, NDArray]:
    """Find them from the (d, d) covariance."""
    moments = np.zeros((d, d))
    for block in blocks:
        moments += block.T @ block
    moments /= n
    values, vectors = _eigenvectors(moments, count)
    return values[::-1], vectors[:, ::-1]


def _of_images(blocks: Blocks, n: int, d: int, count: int) -> tuple[NDArray, NDArray]:
    """Find them from the (n, n) products of all rows."""
    rows = np.empty((n, d), dtype=np.float32)
    start = 0
    for block in blocks:
        rows[start : start + len(block)] = block
        start += len(block)
    products = np.zeros((n, n))
    for start in range(0, d, _BLOCK_ROWS):
        part = rows[:, start : start + _BLOCK_ROWS]
        products += part @ part.T
    values, weights = _eigenvectors(products, count)
    varied = values > max(_LEAST_VARIANCE * values[-1], np.finfo(float).tiny)
    values, weights = values[varied][::-1], weights[:, varied][:, ::-1]
    return values / n, rows.T @ (weights / np.sqrt(values)).astype(np.float32)


def _eigenvectors(matrix: NDArray[np.float64], count: int) -> tuple[NDArray, NDArray]:
    """Return the `count` largest eigenvalues of a symmetric matrix, in rising order, and vectors.

    One thread: more gain little, and take ten times as long if other programs use the processor.
    """
    with threadpool_limits(1, user_api="blas"):
        d = len(matrix)
        values, vectors = eigh(matrix, subset_by_index=(d - count, d - 1), overwrite_a=True)
    return values, vectors
