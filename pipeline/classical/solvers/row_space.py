"""Problems with more features than images, turned so that they have as many features as images.

With a penalty ``1/2 ||w||^2``, the best weights are a combination of the images (the representer
theorem; Schölkopf, Herbrich & Smola 2001, "A Generalized Representer Theorem", section 3). With an
orthonormal basis Q of their row space, ``X = Z Q'``: the same losses, since ``X w = Z v`` for
``w = Q v``, and the same penalty, since ``||w|| = ||v||``. Each pass and each factorization of the
solver then costs what n features cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

_WIDE = 2
"""Features per image from which the decomposition costs less than what it saves."""


def is_wide(n: int, d: int) -> bool:
    """Return whether n images with d features are worth the decomposition."""
    return _WIDE * n <= d


def row_space(x: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return an orthonormal basis of the rows, and the rows in it.

    Args:
        x: (n, d) features, with n at most d.

    Returns:
        Q of (d, n) and Z of (n, n), with X = Z Q' up to float32 rounding.
    """
    basis, triangle = qr(
        x.T.astype(np.float64), mode="economic", overwrite_a=True, check_finite=False
    )
    return basis, np.ascontiguousarray(triangle.T, dtype=np.float32)
