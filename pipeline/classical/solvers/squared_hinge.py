"""The linear SVM with squared hinge loss, which `linear_svm` and `nystroem_svm` use.

See `pipeline.classical.linear_svm` for the objective.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.solvers.linear_model import LinearClassifier
from pipeline.classical.solvers.loss import Loss


class LinearSVM(LinearClassifier):
    """One-vs-rest SVM with squared hinge loss, as in LIBLINEAR."""

    def fit(
        self, features: NDArray, labels: NDArray, class_weights: NDArray | None = None
    ) -> LinearSVM:
        """Fit on (n, d) features and (n,) labels of at least two classes.

        Args:
            features: (n, d).
            labels: (n,).
            class_weights: (classes,) factors of C for the images of each class; None for 1.
        """
        self.classes_, codes = np.unique(labels, return_inverse=True)
        positive = codes[:, None] == np.arange(len(self.classes_))[None, :]
        # Two classes need one machine; more need one each.
        signs = np.where(positive[:, 1:] if len(self.classes_) == 2 else positive, 1, -1)
        weights = None if class_weights is None else class_weights[codes]
        self._minimize(features, SquaredHinge(signs.astype(np.float32), self.C, weights))
        return self


class SquaredHinge(Loss):
    """C times the squared slack, for (n, k) `signs` of +1 and -1, with (n,) weights or none."""

    separate = True
    intercept_penalty = 1.0

    def __init__(
        self, signs: NDArray[np.float32], C: float, weights: NDArray | None = None
    ) -> None:
        self.signs, self.C = signs, C
        self.weights = None if weights is None else weights[:, None].astype(np.float32)
        self.n_outputs = signs.shape[1]

    def value(self, outputs: NDArray) -> NDArray[np.float64]:
        """Return the loss of each output, (k,)."""
        slack = self._slack(outputs)
        slack *= slack
        if self.weights is not None:
            slack *= self.weights
        return self.C * slack.sum(axis=0, dtype=np.float64)

    def gradient(self, outputs: NDArray) -> NDArray:
        """Return -2 C y slack, times the weights."""
        slack = self._slack(outputs)
        slack *= self.signs
        slack *= -2 * self.C
        if self.weights is not None:
            slack *= self.weights
        return slack

    def curvature(self, outputs: NDArray) -> NDArray:
        """Return 2 C, times the weights, where there is slack, otherwise 0."""
        found = (self._slack(outputs) > 0).astype(outputs.dtype) * outputs.dtype.type(2 * self.C)
        if self.weights is not None:
            found *= self.weights
        return found

    def hessian_product(self, curvature: NDArray, change: NDArray) -> NDArray:
        """Return the change of the gradient."""
        return curvature * change

    def mean_curvature(self, curvature: NDArray) -> float:
        """Return 2 C times the (weighted) fraction of images with slack."""
        return float(curvature.mean(dtype=np.float64))

    def _slack(self, outputs: NDArray) -> NDArray:
        slack = outputs * self.signs
        np.subtract(1, slack, out=slack)
        return np.maximum(slack, 0, out=slack)
