"""Logistic regression: softmax over linear scores, with an L2 penalty.

The objective is that of scikit-learn's ``LogisticRegression(C=C)``, for scores z = W x + b of K
classes and the class y_i of image i::

    1/2 ||W||^2 + C * sum_i (log sum_k exp(z_ik) - z_i,y_i)

Intercepts are free. Two classes have one weight vector, for the second against the first; their
softmax is the logistic function of its score. Truncated Newton solves the problem
(`pipeline.classical.solvers.newton`). A run's scores are the logits, and are calibrated like those
of any other classifier.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.solvers.linear_model import LinearClassifier
from pipeline.classical.solvers.loss import Loss
from pipeline.classical.solvers.preconditioner import newton_bytes
from pipeline.classical.spec import ClassicalSpec, Tolerance, Weight


class LogisticRegression(LinearClassifier):
    """Multinomial logistic regression (module docstring)."""

    def fit(
        self, features: NDArray, labels: NDArray, class_weights: NDArray | None = None
    ) -> LogisticRegression:
        """Fit on (n, d) features and (n,) labels of at least two classes.

        Args:
            features: (n, d).
            labels: (n,).
            class_weights: (classes,) factors of C for the images of each class; None for 1.
        """
        self.classes_, codes = np.unique(labels, return_inverse=True)
        weights = None if class_weights is None else class_weights[codes]
        self._minimize(features, CrossEntropy(codes, len(self.classes_), self.C, weights))
        return self

    def predict_proba(self, features: NDArray) -> NDArray[np.float64]:
        """Return the model's own (n, classes) probabilities, without calibration."""
        scores = self.decision_function(features)
        return _softmax(scores[:, None] if scores.ndim == 1 else scores)


class CrossEntropy(Loss):
    """C times the negative log-likelihood of (n,) class codes; one output for two classes.

    A single output is the score of class 1, and class 0 has score 0. With weights, each image
    counts as often as its weight says.
    """

    separate = False
    intercept_penalty = 0.0

    def __init__(
        self,
        codes: NDArray[np.intp],
        n_classes: int,
        C: float,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.codes, self.C, self.weights = codes, C, weights
        self.n_outputs = 1 if n_classes == 2 else n_classes

    def value(self, outputs: NDArray) -> NDArray[np.float64]:
        """Return the loss, (1,)."""
        # In float32, the small loss of a correctly classified image would be rounded away.
        scores = _all_scores(outputs).astype(np.float64)
        top = scores.max(axis=1)
        logs = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
        logs -= scores[np.arange(len(scores)), self.codes]
        if self.weights is not None:
            logs *= self.weights
        return np.array([self.C * logs.sum()])

    def gradient(self, outputs: NDArray) -> NDArray:
        """Return C (p - y) for one-hot labels y, times the weights."""
        found = _softmax(outputs.astype(np.float64))
        found[np.arange(len(found)), self.codes] -= 1
        found *= self.C
        if self.weights is not None:
            found *= self.weights[:, None]
        return found[:, -self.n_outputs :].astype(outputs.dtype)

    def curvature(self, outputs: NDArray) -> NDArray:
        """Return the probabilities p of the outputs; with weights, those in a last column."""
        shares = _softmax(outputs)[:, -self.n_outputs :]
        if self.weights is None:
            return shares
        return np.column_stack([shares, self.weights.astype(outputs.dtype)])

    def hessian_product(self, curvature: NDArray, change: NDArray) -> NDArray:
        """Return C (p change - p (p . change)), times the weights."""
        shares = curvature[:, : self.n_outputs]
        product = shares * change
        product -= shares * product.sum(axis=1, keepdims=True)
        product *= self.C
        if self.weights is not None:
            product *= curvature[:, self.n_outputs :]
        return product

    def mean_curvature(self, curvature: NDArray) -> float:
        """Return C times the (weighted) mean of p (1 - p)."""
        shares = curvature[:, : self.n_outputs]
        spread = shares * (1 - shares)
        if self.weights is not None:
            spread *= curvature[:, self.n_outputs :]
        return self.C * float(spread.mean(dtype=np.float64))


def _all_scores(outputs: NDArray) -> NDArray:
    return np.hstack([np.zeros_like(outputs), outputs]) if outputs.shape[1] == 1 else outputs


def _softmax(outputs: NDArray) -> NDArray:
    """Return (n, classes) probabilities; one output stands for two classes."""
    scores = _all_scores(outputs)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


class Spec(ClassicalSpec):
    """Multinomial logistic regression."""

    deterministic: ClassVar[bool] = True

    C: Weight = 1e-2
    """Weight of the likelihood relative to the penalty, for standardized features."""
    tol: Tolerance = 1e-4
    """The solver stops when the objective is this close to its minimum, as a fraction of it."""

    def classifier(self, seed: int) -> LogisticRegression:
        """Return the classifier; it is deterministic, so `seed` changes nothing."""
        return LogisticRegression(C=self.C, tol=self.tol)

    def classifier_bytes(self, n: int, d: int, n_classes: int) -> int:
        """Return the bytes of the second moments and the outputs; features are not copied."""
        return newton_bytes((2 if self.mirrored else 1) * n, d, n_classes)

    def engine(self) -> str:
        """Return the solver and its library, for the run's card."""
        return f"truncated Newton in NumPy {np.__version__}"
