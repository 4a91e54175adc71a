"""The RBF kernel exp(-gamma ||x - y||^2) as matrix products."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError

_BATCH_BYTES = 256 * 2**20
_ROUNDING = 1e-4
"""As a fraction of the largest number: smaller differences are rounding errors of float32."""


def rbf_kernel(x: NDArray, others: NDArray, gamma: float) -> NDArray:
    """Return (n, m) kernel values of rows of (n, d) `x` and (m, d) `others`, in their dtype."""
    kernel = x @ others.T
    kernel *= 2
    kernel -= np.einsum("ij,ij->i", others, others)
    kernel -= np.einsum("ij,ij->i", x, x)[:, None]
    np.minimum(kernel, 0, out=kernel)  # rounding can make a squared distance negative
    kernel *= kernel.dtype.type(gamma)
    return np.exp(kernel, out=kernel)


def mirrored_kernel(x: NDArray, others: NDArray, n_even: int, gamma: float) -> NDArray:
    """Return (n, m) means of the kernel with `others` and with their mirror images, in their dtype.

    Mirroring keeps the first `n_even` columns and negates the others. With the products e and o of
    both parts, the squared distances are |x|² + |y|² - 2 (e + o) and |x|² + |y|² - 2 (e - o), so
    two kernels take the products of one.
    """
    kernel = x[:, :n_even] @ others[:, :n_even].T
    turned = x[:, n_even:] @ others[:, n_even:].T
    halves = np.einsum("ij,ij->i", others, others) / 2
    kernel -= halves
    kernel -= (np.einsum("ij,ij->i", x, x) / 2)[:, None]
    np.subtract(kernel, turned, out=turned)  # e - o
    kernel *= 2
    kernel -= turned  # 2 e - (e - o) = e + o, with the lengths
    for part in (kernel, turned):
        np.minimum(part, 0, out=part)  # rounding can make a squared distance negative
        part *= part.dtype.type(2 * gamma)
        np.exp(part, out=part)
    kernel += turned
    kernel /= 2
    return kernel


def mirror_signs(x: NDArray[np.float32], mirrors: NDArray[np.float32]) -> NDArray | None:
    """Return for each column whether mirroring keeps (1) or negates (-1) it, except for rounding.

    Args:
        x: (n, d) features of images.
        mirrors: (n, d) features of their mirror images.

    Returns:
        (d,), or None if neither is true of some column.
    """
    signs = np.where(np.einsum("ij,ij->j", x, mirrors) < 0, np.float32(-1), np.float32(1))
    least = _ROUNDING * max(float(x.max()), -float(x.min()))
    step = max(1, _BATCH_BYTES // (8 * x.shape[1]))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        if np.abs(mirrors[rows] - signs * x[rows]).max() > least:
            return None
    return signs


def kernel_sums(
    features: NDArray,
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    gamma: float,
    n_even: int | None = None,
) -> NDArray[np.float32]:
    """Return k(features, vectors) @ weights: (n, columns) from (n, d), (m, d) and (m, columns).

    It works in batches whose kernel takes at most 256 MB. With `n_even`, the kernel is
    `mirrored_kernel`.
    """
    sums = np.empty((len(features), weights.shape[1]), np.float32)
    batch = max(1, _BATCH_BYTES // (4 * max(1, len(vectors))))
    for start in range(0, len(features), batch):
        rows = slice(start, start + batch)
        x = np.ascontiguousarray(features[rows], dtype=np.float32)
        if n_even is None:
            kernel = rbf_kernel(x, vectors, gamma)
        else:
            kernel = mirrored_kernel(x, vectors, n_even, gamma)
        np.matmul(kernel, weights, out=sums[rows])
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
