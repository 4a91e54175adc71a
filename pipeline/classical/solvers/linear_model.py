"""What all linear classifiers share."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from pipeline.classical.solvers.loss import Loss
from pipeline.classical.solvers.newton import minimize
from pipeline.classical.spec import DecisionClassifier


class LinearClassifier(DecisionClassifier):
    """Weights and an intercept for each output: one output per class, or one for two classes.

    Args:
        C: weight of the loss relative to the penalty; positive.
        tol: the solver stops when the objective is this close to its minimum, as a fraction of it.
        max_iter: the most Newton steps.
    """

    def __init__(self, C: float = 1.0, tol: float = 1e-4, max_iter: int = 100) -> None:
        self.C = C
        self.tol = tol
        self.max_iter = max_iter

    def _minimize(self, features: NDArray, loss: Loss) -> None:
        """Learn the weights and intercepts that minimize a loss on (n, d) features."""
        x = np.ascontiguousarray(features, dtype=np.float32)
        solution = minimize(x, loss, self.tol, self.max_iter)
        self.coef_ = np.ascontiguousarray(solution.weights[:-1].T)
        self.intercept_ = solution.weights[-1].copy()
        self.objective_ = solution.objective
        self.gap_ = solution.gap
        self.n_iter_ = solution.n_iter
        if self.gap_ > self.tol:
            warnings.warn(
                f"after {self.n_iter_} Newton steps, the objective may still be {self.gap_:.1%} "
                f"above its minimum; expected at most {self.tol:.2%}. Scale the features, or lower "
                "C",
                ConvergenceWarning,
                stacklevel=3,
            )

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""
        check_is_fitted(self)
        x = np.asarray(features, dtype=np.float32)
        scores = x @ self.coef_.T.astype(np.float32) + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    @property
    def n_parameters(self) -> int:
        """Weights and intercepts."""
        return self.coef_.size + self.intercept_.size

    @property
    def multiply_adds(self) -> int:
        """One product per weight."""
        return self.coef_.size
