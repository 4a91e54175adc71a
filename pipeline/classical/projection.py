"""Projection onto principal components, with bounded memory and reproducible signs."""

from __future__ import annotations

from collections.abc import Callable

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

    With mirror images, the components are those of all rows together, but each is even (the same
    for an image and its mirror image) or odd (the negative): the variances of half the sums and of
    half the differences of an image and its mirror image add up to that of the rows. For features
    whose mirror images are a permutation or a change of sign this is nothing but a choice among
    components of equal variance. For others, such as those of OpenCV's HOG, whose window is half a
    pixel off center, a part of an odd component of a single image comes from what is not mirrored
    exactly; `fit_transform`, which knows both images, leaves it out.

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
        if not self.mirrored:
            self.mean_, _, vectors = _found(_all_rows(features), features.shape, self.count)
        else:
            shape = (len(features) // 2, features.shape[1])
            even, odd = _parities(features)
            self.mean_, *found = _found(even, shape, self.count)
            _, *others = _found(odd, shape, self.count, centered=False)
            vectors = _of_both(found, others, self.count)
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

    def fit_transform(
        self, features: NDArray, labels: NDArray | None = None, **options: object
    ) -> NDArray[np.float32]:
        """Return the projections of the (n, d) features that the components are found from.

        With mirror images, an even component is that of half the sum of both images, and an odd
        one that of half the difference: the second half of the rows differs from the first in signs
        alone.
        """
        projected = self.fit(features).transform(features)
        if self.mirrored:
            image, mirror = np.split(projected, 2)
            same = np.einsum("ij,ij->j", image, mirror) >= 0
            image += np.where(same, mirror, -mirror)
            image /= 2
            mirror[...] = np.where(same, image, -image)
        return projected


Rows = Callable[[slice], NDArray[np.float32]]
"""Rows of an array, computed when they are needed."""


def _all_rows(features: NDArray) -> Rows:
    return lambda rows: np.asarray(features[rows], dtype=np.float32)


def _parities(features: NDArray) -> tuple[Rows, Rows]:
    """Return half the sums and half the differences of each image and its mirror image."""
    image, mirror = (_all_rows(half) for half in np.split(features, 2))
    return (
        lambda rows: (image(rows) + mirror(rows)) / 2,
        lambda rows: (image(rows) - mirror(rows)) / 2,
    )


def _of_both(even: list[NDArray], odd: list[NDArray], count: int) -> NDArray:
    """Return the directions (d, count) of the largest variances among both, even ones first."""
    least = np.sort(np.concatenate([even[0], odd[0]]))[::-1][:count][-1]
    return np.concatenate([vectors[:, each >= least] for each, vectors in (even, odd)], axis=1)


def _found(
    rows: Rows, shape: tuple[int, ...], count: int, centered: bool = True
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the mean (d,), the largest variances (k,) and their directions (d, k).

    Args:
        rows: of (n, d) features.
        shape: (n, d).
        count: number of directions, at most.
        centered: whether to subtract the mean; otherwise it counts as 0.
    """
    n, d = shape
    find = _of_features if d <= n else _of_images
    return find(rows, n, d, min(count, n, d), centered)


def _of_features(
    rows: Rows, n: int, d: int, count: int, centered: bool
) -> tuple[NDArray, NDArray, NDArray]:
    """Find them from the (d, d) covariance."""
    sums, moments = np.zeros(d), np.zeros((d, d))
    for start in range(0, n, _BLOCK_ROWS):
        block = rows(slice(start, min(start + _BLOCK_ROWS, n)))
        sums += block.sum(axis=0, dtype=np.float64)
        moments += block.T @ block
    mean = sums / n if centered else np.zeros(d)
    moments /= n
    moments -= np.outer(mean, mean)
    values, vectors = eigh(moments, subset_by_index=(d - count, d - 1), overwrite_a=True)
    return mean, values[::-1], vectors[:, ::-1]


def _of_images(
    rows: Rows, n: int, d: int, count: int, centered: bool
) -> tuple[NDArray, NDArray, NDArray]:
    """Find them from the (n, n) products of all rows."""
    features = rows(slice(0, n))
    mean = features.sum(axis=0, dtype=np.float64) / n if centered else np.zeros(d)
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
    return mean, values[varied][::-1] / n, vectors
