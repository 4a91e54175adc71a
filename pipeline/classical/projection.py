"""Projection onto principal components, with bounded memory and reproducible signs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin

_BLOCK_ROWS = 4096
_LEAST_VARIANCE = 1e-6
"""As a fraction of the largest variance: below it, float32 has only rounding errors."""


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """The leading principal components of scaled features, not whitened (Pearson 1901).

    Distances are preserved as well as `count` numbers can, so a kernel of the projection is nearly
    that of the features, at a cost proportional to `count`. The result equals
    ``sklearn.decomposition.PCA(count)`` up to the signs of components. It takes one pass of matrix
    products over blocks of rows, and never a second array of the features' size.

    Args:
        count: components to keep; fewer if there are fewer features or images, as in the first
            steps of a learning curve.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def fit(self, features: NDArray, labels: NDArray | None = None) -> PrincipalComponents:
        """Find the components of (n, d) float32 features.

        Memory is proportional to the square of the smaller of n and d. With more features than
        images, the components are found in the space that the images span (Turk & Pentland 1991,
        "Eigenfaces for Recognition"), and directions without variance are left out.
        """
        n, d = features.shape
        find = _of_features if d <= n else _of_images
        self.mean_, vectors = find(features, min(self.count, n, d))
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


def _of_features(features: NDArray, count: int) -> tuple[NDArray, NDArray]:
    """Return the mean (d,) and the leading eigenvectors (d, count) of the (d, d) covariance."""
    n, d = features.shape
    sums, moments = np.zeros(d), np.zeros((d, d))
    for start in range(0, n, _BLOCK_ROWS):
        block = np.asarray(features[start : start + _BLOCK_ROWS], dtype=np.float32)
        sums += block.sum(axis=0, dtype=np.float64)
        moments += block.T @ block
    mean = sums / n
    moments /= n
    moments -= np.outer(mean, mean)
    _, vectors = eigh(moments, subset_by_index=(d - count, d - 1), overwrite_a=True)
    return mean, vectors[:, ::-1]


def _of_images(features: NDArray, count: int) -> tuple[NDArray, NDArray]:
    """Return the mean (d,) and leading components (d, at most count) from the (n, n) products."""
    n, d = features.shape
    mean: NDArray[np.float64] = features.sum(axis=0, dtype=np.float64) / n
    products = np.zeros((n, n))
    for start in range(0, d, _BLOCK_ROWS):
        columns = slice(start, start + _BLOCK_ROWS)
        block = np.asarray(features[:, columns] - mean[columns], dtype=np.float32)
        products += block @ block.T
    values, weights = eigh(products, subset_by_index=(n - count, n - 1), overwrite_a=True)
    varied = values > _LEAST_VARIANCE * values[-1]
    weights = weights[:, varied][:, ::-1] / np.sqrt(values[varied][::-1])
    vectors = features.T @ weights.astype(np.float32)
    vectors -= np.outer(mean, weights.sum(axis=0)).astype(np.float32)
    return mean, vectors
