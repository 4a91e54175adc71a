"""Projection onto principal components, with bounded memory and reproducible signs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin

_BLOCK_ROWS = 4096
_LEAST_VARIANCE = 1e-6
"""As a fraction of the largest variance: below it, float32 has only rounding errors."""
_TILT = 1e-3
"""How much more even variances weigh, and how much less odd ones."""


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """The leading principal components of scaled features, not whitened (Pearson 1901).

    Distances are preserved as well as `count` numbers can, so a kernel of the projection is nearly
    that of the features, at a cost proportional to `count`. The result equals
    ``sklearn.decomposition.PCA(count)`` up to the signs of components. It takes one pass of matrix
    products over blocks of rows, and never a second array of the features' size.

    With mirror images, the components are those of all rows together. If mirroring preserves
    distances, each can be even (the same for an image and its mirror image) or odd (the negative),
    unless an even and an odd one have the same variance. To separate these, half the sums of images
    and mirror images weigh a thousandth more, and half the differences a thousandth less.

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
        n, d = features.shape
        find = _of_features if d <= n else _of_images
        vectors = find(_centered(features, self.mean_, self.mirrored), n, d, min(self.count, n, d))
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


def _centered(
    features: NDArray, mean: NDArray[np.float64], mirrored: bool
) -> Iterator[NDArray[np.float32]]:
    """Yield rows minus their mean, or, if mirrored, as many weighted sums and differences."""
    center = mean.astype(np.float32)
    if not mirrored:
        for start in range(0, len(features), _BLOCK_ROWS):
            yield np.asarray(features[start : start + _BLOCK_ROWS], dtype=np.float32) - center
        return
    images, mirrors = np.split(features, 2)
    for start in range(0, len(images), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        image, mirror = (np.asarray(half[rows], dtype=np.float32) for half in (images, mirrors))
        yield ((image + mirror) / 2 - center) * np.float32(np.sqrt(2 * (1 + _TILT)))
        yield (image - mirror) * np.float32(np.sqrt((1 - _TILT) / 2))


def _of_features(blocks: Iterator[NDArray[np.float32]], n: int, d: int, count: int) -> NDArray:
    """Return the leading eigenvectors (d, count) of the (d, d) covariance of centered rows."""
    moments = np.zeros((d, d))
    for block in blocks:
        moments += block.T @ block
    moments /= n
    _, vectors = eigh(moments, subset_by_index=(d - count, d - 1), overwrite_a=True)
    return vectors[:, ::-1]


def _of_images(blocks: Iterator[NDArray[np.float32]], n: int, d: int, count: int) -> NDArray:
    """Return leading components (d, at most count) from the (n, n) products of centered rows."""
    rows = np.empty((n, d), dtype=np.float32)
    start = 0
    for block in blocks:
        rows[start : start + len(block)] = block
        start += len(block)
    products = np.zeros((n, n))
    for start in range(0, d, _BLOCK_ROWS):
        block = rows[:, start : start + _BLOCK_ROWS]
        products += block @ block.T
    values, weights = eigh(products, subset_by_index=(n - count, n - 1), overwrite_a=True)
    varied = values > _LEAST_VARIANCE * values[-1]
    weights = weights[:, varied][:, ::-1] / np.sqrt(values[varied][::-1])
    return rows.T @ weights.astype(np.float32)
