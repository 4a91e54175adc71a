"""The RBF kernel exp(-gamma ||x - y||^2) as matrix products."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError

_BATCH_BYTES = 256 * 2**20


def rbf_kernel(x: NDArray, others: NDArray, gamma: float) -> NDArray:
    """Return (n, m) kernel values of rows of (n, d) `x` and (m, d) `others`, in their dtype."""
    kernel = x @ others.T
    kernel *= 2
    kernel -= np.einsum("ij,ij->i", others, others)
    kernel -= np.einsum("ij,ij->i", x, x)[:, None]
    np.minimum(kernel, 0, out=kernel)  # rounding can make a squared distance negative
    kernel *= kernel.dtype.type(gamma)
    return np.exp(kernel, out=kernel)


def kernel_sums(
    features: NDArray, vectors: NDArray[np.float32], weights: NDArray[np.float32], gamma: float
) -> NDArray[np.float32]:
    """Return k(features, vectors) @ weights: (n, columns) from (n, d), (m, d) and (m, columns).

    It works in batches whose kernel takes at most 256 MB.
    """
    sums = np.empty((len(features), weights.shape[1]), np.float32)
    batch = max(1, _BATCH_BYTES // (4 * max(1, len(vectors))))
    for start in range(0, len(features), batch):
        rows = slice(start, start + batch)
        x = np.ascontiguousarray(features[rows], dtype=np.float32)
        np.matmul(rbf_kernel(x, vectors, gamma), weights, out=sums[rows])
    return sums


def kernel_products(vectors: NDArray, weights: NDArray) -> int:
    """Count the products of `kernel_sums` for one image.

    Each of the (m, d) `vectors` needs d squared differences and one product with gamma. Each
    nonzero number in the (m, columns) `weights` needs one product.
    """
    return vectors.size + len(vectors) + int(np.count_nonzero(weights))


def width_of(gamma: float | Literal["scale"], x: NDArray[np.float32]) -> float:
    """Return gamma; ``"scale"`` is 1 / (d * variance of all features), as in scikit-learn.

    Raises:
        StudyError: if all features are equal, so that they have no scale.
    """
    if gamma != "scale":
        return float(gamma)
    # A sum of millions of float32 numbers needs float64.
    variance = float(x.var(dtype=np.float64))
    if variance == 0:
        raise StudyError(
            "found the same features for every image; expected some that differ. Check the "
            "options of the feature set, or set gamma to a number"
        )
    return 1.0 / (x.shape[1] * variance)
