"""Linear support vector machine, one against the rest, solved in the primal.

The objective is that of LIBLINEAR's L2-loss machine (Fan et al. 2008, "LIBLINEAR: A Library for
Large Linear Classification", section 2, eq. 1), for each class k against the rest with
y = +1 or -1::

    1/2 ||w||^2 + C * sum_i max(0, 1 - y_i (w . x_i + b))^2

with the intercept b regularised like a weight, as LIBLINEAR has it (scikit-learn's
``LinearSVC(loss="squared_hinge", intercept_scaling=1)`` is the same problem). The squared hinge is
differentiable, so the primal can be minimised directly (Chapelle 2007, "Training a Support Vector
Machine in the Primal"); here by L-BFGS over all classes at once, whose cost is two matrix products
an iteration instead of LIBLINEAR's passes over single images.
"""

from __future__ import annotations

import warnings
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from pipeline.classical.spec import ClassicalSpec, DecisionClassifier


class LinearSVM(DecisionClassifier):
    """One-against-rest squared-hinge SVM by L-BFGS (module docstring).

    Args:
        C: weight of the loss against the regulariser; positive.
        tol: the solver stops where no component of the gradient exceeds `tol` times the largest
            one at its start.
        max_iter: the most L-BFGS iterations.
    """

    def __init__(self, C: float = 1.0, tol: float = 1e-4, max_iter: int = 1000) -> None:
        self.C = C
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, features: NDArray, labels: NDArray) -> LinearSVM:
        """Fit on (n, d) features and (n,) labels of at least two classes."""
        x = np.ascontiguousarray(features, dtype=np.float32)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        # One machine serves two classes; more need one each.
        positive = codes[:, None] == np.arange(len(self.classes_))[None, :]
        signs = np.where(positive[:, 1:] if len(self.classes_) == 2 else positive, 1, -1)
        objective = _Objective(x, signs.astype(np.float32), self.C)
        start = np.zeros((x.shape[1] + 1) * signs.shape[1])
        slope = np.abs(objective(start)[1]).max()
        solution = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": self.max_iter,
                "maxfun": 2 * self.max_iter,
                "maxcor": 20,
                "gtol": self.tol * slope,
                # Reached only where float32 products leave nothing but noise to gain.
                "ftol": 1e-9,
            },
        )
        weights = solution.x.reshape(x.shape[1] + 1, signs.shape[1])
        self.coef_ = np.ascontiguousarray(weights[:-1].T)
        self.intercept_ = weights[-1].copy()
        self.objective_ = float(solution.fun)
        self.n_iter_ = int(solution.nit)
        if self.n_iter_ >= self.max_iter:
            warnings.warn(
                f"found no optimum in {self.max_iter} iterations; scale the features, or lower C",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""
        check_is_fitted(self)
        scores = np.asarray(features) @ self.coef_.T.astype(np.float32) + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    @property
    def n_parameters(self) -> int:
        """Weights and intercepts."""
        return self.coef_.size + self.intercept_.size


class _Objective:
    """Value and gradient of the sum of the one-against-rest problems, in one pass."""

    def __init__(self, x: NDArray[np.float32], signs: NDArray[np.float32], C: float) -> None:
        self.x, self.signs, self.C = x, signs, C

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(self.x.shape[1] + 1, self.signs.shape[1])
        single = weights.astype(np.float32)
        margin = self.x @ single[:-1]
        margin += single[-1]
        slack = np.maximum(1 - self.signs * margin, 0)
        value = 0.5 * np.vdot(flat, flat) + self.C * np.square(slack, dtype=np.float64).sum()
        pull = slack * self.signs
        gradient = weights.copy()
        gradient[:-1] -= 2 * self.C * (self.x.T @ pull)
        gradient[-1] -= 2 * self.C * pull.sum(axis=0, dtype=np.float64)
        return float(value), gradient.ravel()


class Spec(ClassicalSpec):
    """A linear SVM with squared hinge, one against the rest."""

    deterministic: ClassVar[bool] = True

    C: Annotated[float, Field(gt=0)] = 1e-3
    """Weight of the loss against the regulariser, for standardised features."""
    tol: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """Stop where the gradient has fallen to this part of its first value."""

    def classifier(self, seed: int) -> LinearSVM:
        """Return the classifier; it is deterministic, so `seed` changes nothing."""
        return LinearSVM(C=self.C, tol=self.tol)

    def engine(self) -> str:
        """Return what fits it, for the run's card."""
        import scipy

        return f"SciPy {scipy.__version__} L-BFGS"
