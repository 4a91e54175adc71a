"""Projection on principal components, with bounded memory and the same signs everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin

_BLOCK_ROWS = 4096


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """The leading principal components of scaled features, not whitened (Pearson 1901).

    Distances are kept as well as `count` numbers can keep them, so that a kernel of the projection
    is nearly that of the features, at a cost in proportion to `count`. Equal to
    ``sklearn.decomposition.PCA(count)`` up to the signs of components, in one pass of matrix
    products over blocks of rows: no second array of the features' size is made.

    Args:
        count: components that are kept; fewer where there are fewer features or images, as in the
            first steps of a learning curve.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def fit(self, features: NDArray, labels: NDArray | None = None) -> PrincipalComponents:
        """Find the components of (n, d) float32 features."""
        n, d = features.shape
        count = min(self.count, n, d)
        sums, moments = np.zeros(d), np.zeros((d, d))
        for start in range(0, n, _BLOCK_ROWS):
            block = np.asarray(features[start : start + _BLOCK_ROWS], dtype=np.float32)
            sums += block.sum(axis=0, dtype=np.float64)
            moments += block.T @ block
        self.mean_ = sums / n
        moments /= n
        moments -= np.outer(self.mean_, self.mean_)
        _, vectors = eigh(moments, subset_by_index=(d - count, d - 1), overwrite_a=True)
        vectors = vectors[:, ::-1]
        # The sign of a component is arbitrary: its largest number is made positive.
        largest = np.abs(vectors).argmax(axis=0)
        vectors *= np.sign(vectors[largest, np.arange(count)])
        self.components_ = np.ascontiguousarray(vectors.T, dtype=np.float32)
        return self

    def transform(self, features: NDArray) -> NDArray[np.float32]:
        """Return the float32 projections, (n, count) or narrower, of (n, d) features."""
        projected = np.asarray(features, dtype=np.float32) @ self.components_.T
        projected -= self.components_ @ self.mean_.astype(np.float32)
        return projected
