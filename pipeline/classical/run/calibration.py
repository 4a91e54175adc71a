"""Probabilities from decision scores, fitted on the validation split.

An SVM says how far an image is from the boundary, and on which side, but not how likely a class is.
Platt (1999, "Probabilistic Outputs for Support Vector Machines", section 2.2) maps the score s of a
class against the rest to ``1 / (1 + exp(-(slope s + intercept)))``, by maximum likelihood on data
that the machine was not fitted on. The targets are (N+ + 1) / (N+ + 2) and 1 / (N- + 2) instead of
1 and 0, so that small samples do not give overconfident probabilities. With more than two classes,
the probabilities of the one-vs-rest sigmoids are normalized to sum to 1 (Zadrozny and Elkan 2002).

scikit-learn's ``CalibratedClassifierCV(FrozenEstimator(...), method="sigmoid")`` gives the same
result. It is not used because it cross-validates even a frozen machine, and so rejects a validation
split with fewer than five images of a class. Here such a class gets a small probability.

The validation split is used to choose a run's options and to calibrate it, so its own probabilities
are optimistic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted


class SigmoidCalibrator(BaseEstimator):
    """One sigmoid per class of its decision score (module docstring)."""

    def fit(self, scores: NDArray, labels: NDArray) -> SigmoidCalibrator:
        """Fit on the (n, classes) scores and (n,) labels in [0, classes) of the validation split.

        With two classes, the scores are each other's negatives, and the sigmoids are complementary.
        """
        fitted = [
            _sigmoid(scores[:, label].astype(np.float64), labels == label)
            for label in range(scores.shape[1])
        ]
        self.slope_ = np.array([slope for slope, _ in fitted])
        self.intercept_ = np.array([intercept for _, intercept in fitted])
        return self

    def predict_proba(self, scores: NDArray) -> NDArray[np.float32]:
        """Return (n, classes) float32 probabilities of (n, classes) scores; rows sum to 1."""
        check_is_fitted(self)
        each = expit(scores.astype(np.float64) * self.slope_ + self.intercept_)
        total = each.sum(axis=1, keepdims=True)
        # All sigmoids can underflow at once, far outside the scores that they were fitted on.
        even = np.full_like(each, 1 / each.shape[1])
        return np.divide(each, total, out=even, where=total > 0).astype(np.float32)


def _sigmoid(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the maximum-likelihood slope and intercept; slope 0 if all scores are equal."""
    n_positive = int(positive.sum())
    target = np.where(
        positive, (n_positive + 1) / (n_positive + 2), 1 / (len(positive) - n_positive + 2)
    )
    # Standardized scores make the problem well-conditioned; the result is still a sigmoid.
    center, spread = scores.mean(), scores.std()
    spread = spread if spread > 0 else 1.0
    standard = (scores - center) / spread

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = line[0] * standard + line[1]
        value = np.mean(np.logaddexp(0, logit) - target * logit)
        rest = (expit(logit) - target) / len(target)
        return float(value), np.array([rest @ standard, rest.sum()])

    start = np.array([0.0, np.log((n_positive + 1) / (len(positive) - n_positive + 1))])
    solution = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    slope = solution.x[0] / spread
    return float(slope), float(solution.x[1] - slope * center)
