"""The preconditioner of `pipeline.classical.solvers.newton`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from pipeline.classical.solvers.loss import Array
from pipeline.classical.solvers.row_space import is_wide

_WIDEST_FACTORIZED = 5_000  # 200 MB in float64; wider problems use a diagonal preconditioner
_MOMENT_ROWS = 8_192
_FLOAT32_ROUNDING = 1e-6


def newton_bytes(n: int, d: int, n_classes: int) -> int:
    """Return the approximate bytes that `newton` needs in addition to (n, d) features."""
    solved, basis = (n, 3 * n * d) if is_wide(n, d) else (d, 0)
    square = solved**2 if solved < _WIDEST_FACTORIZED else 0
    return 8 * (basis + 4 * square + 4 * n_classes * (n + d))


class Preconditioner:
    """Inverse of the penalty plus the curvature times the second moments of the features."""

    def __init__(self, x: NDArray[np.float32], penalty: Array) -> None:
        self.penalty = penalty
        self.moments = _second_moments(x, len(penalty) > _WIDEST_FACTORIZED)
        self.curvature = 0.0
        self.factor: Any = None

    def at(self, curvature: float) -> Callable[[Array], Array]:
        """Return the preconditioner for a mean curvature; refactorize if it has changed much."""
        if not 2 / 3 < self.curvature / max(curvature, 1e-300) < 1.5:
            self.curvature = curvature
            if self.moments.shape[1] == 1:
                self.factor = self.penalty + curvature * self.moments
            else:
                self.factor = self._factorized(curvature)
        if self.moments.shape[1] == 1:
            return lambda v: v / self.factor
        return lambda v: cho_solve(self.factor, v, check_finite=False)

    def _factorized(self, curvature: float) -> Any:
        """Return the Cholesky factor, after covering the rounding errors of redundant features."""
        hessian = curvature * self.moments
        diagonal = np.diag_indices_from(hessian)
        hessian[diagonal] += self.penalty[:, 0]
        cover = _FLOAT32_ROUNDING * hessian[diagonal].max()
        while True:
            hessian[diagonal] += cover
            try:
                return cho_factor(hessian, check_finite=False)
            except np.linalg.LinAlgError:
                cover *= 10


def _second_moments(x: NDArray[np.float32], diagonal: bool) -> Array:
    """Return the second moments of the features and a constant 1, or only their diagonal."""
    width = x.shape[1] + 1
    moments = np.zeros((width, 1 if diagonal else width))
    for start in range(0, len(x), _MOMENT_ROWS):
        rows = x[start : start + _MOMENT_ROWS]
        if diagonal:
            moments[:-1, 0] += np.einsum("ij,ij->j", rows, rows)
        else:
            sums = rows.sum(axis=0, dtype=np.float64)
            moments[:-1, :-1] += rows.T @ rows
            moments[-1, :-1] += sums
            moments[:-1, -1] += sums
    moments[-1, 0 if diagonal else -1] = len(x)
    return moments
