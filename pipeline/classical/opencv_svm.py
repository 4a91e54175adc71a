"""OpenCV's support vector machine, ``cv2.ml.SVM``, as in its HOG + SVM digits sample.

This is a C-SVM with a linear or RBF kernel, one-vs-one. OpenCV returns only the class; its decision
values are computed here from the support vectors and combined into one score per class, as in
`rbf_svm`. The class with the largest score is OpenCV's own, unless several classes win the same
number of pairs: then OpenCV takes the first, and the scores take the one with the largest margins.

It is slow on large sets: OpenCV's solver uses one thread and a small cache of kernel rows. The time
grows roughly with the square of the number of images; fit a few thousand first. By default, OpenCV
stops after 1,000 iterations, far from the optimum on more than a few hundred images; the default
here is higher.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from pipeline.classical.solvers.one_vs_one import class_pairs, class_scores
from pipeline.classical.solvers.rbf_kernel import kernel_products, kernel_sums, width_of
from pipeline.classical.spec import (
    ClassicalSpec,
    DecisionClassifier,
    KernelWidth,
    Tolerance,
    Weight,
)

Kernel = Literal["linear", "rbf"]


class OpenCVSVM(DecisionClassifier):
    """``cv2.ml.SVM`` of type C_SVC. It keeps only arrays, so that it can be stored.

    Args:
        kernel: ``linear`` or ``rbf``.
        C: weight of the slack; positive.
        gamma: the RBF kernel coefficient, or ``"scale"`` for 1 / (d * variance of all features).
        tol: the solver's tolerance on the KKT conditions.
        max_iter: the most iterations of the solver for each pair of classes.
    """

    def __init__(
        self,
        kernel: Kernel = "rbf",
        C: float = 5.0,
        gamma: float | Literal["scale"] = "scale",
        tol: float = 1e-3,
        max_iter: int = 1_000_000,
    ) -> None:
        self.kernel = kernel
        self.C = C
        self.gamma = gamma
        self.tol = tol
        self.max_iter = max_iter

    def fit(
        self, features: NDArray, labels: NDArray, class_weights: NDArray | None = None
    ) -> OpenCVSVM:
        """Fit on (n, d) float features and (n,) labels of at least two classes.

        Args:
            features: (n, d).
            labels: (n,).
            class_weights: (classes,) factors of C for the images of each class, in each pair of
                classes; None for 1.
        """
        x = np.ascontiguousarray(features, dtype=np.float32)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.gamma_ = width_of(self.gamma, x) if self.kernel == "rbf" else 1.0
        machine = self._machine()
        if class_weights is not None:
            machine.setClassWeights(class_weights.astype(np.float64)[:, None])
        machine.train(x, cv2.ml.ROW_SAMPLE, codes.astype(np.int32))
        self.support_vectors_ = np.array(machine.getSupportVectors(), dtype=np.float32)
        self.pair_weights_, self.intercept_ = _pair_weights(
            machine, len(self.support_vectors_), len(class_pairs(len(self.classes_)))
        )
        return self

    def _machine(self) -> Any:
        machine = cv2.ml.SVM_create()  # type: ignore[attr-defined]
        machine.setType(cv2.ml.SVM_C_SVC)
        machine.setKernel(cv2.ml.SVM_LINEAR if self.kernel == "linear" else cv2.ml.SVM_RBF)
        machine.setC(self.C)
        machine.setGamma(self.gamma_)
        both = cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS
        machine.setTermCriteria((both, self.max_iter, self.tol))
        return machine

    def pair_decisions(self, features: NDArray) -> NDArray[np.float64]:
        """Return (n, pairs) decision values; positive ones favor the first class of a pair."""
        check_is_fitted(self)
        if self.kernel == "linear":
            weights = self.support_vectors_.T @ self.pair_weights_
            return np.asarray(features, dtype=np.float32) @ weights + self.intercept_
        sums = kernel_sums(features, self.support_vectors_, self.pair_weights_, self.gamma_)
        return sums + self.intercept_

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return scores: (n, classes), or (n,) for the second of two classes.

        With several classes these are the votes of `pipeline.classical.solvers.one_vs_one`.
        """
        pairs = self.pair_decisions(features)
        return -pairs[:, 0] if len(self.classes_) == 2 else class_scores(pairs, len(self.classes_))

    @property
    def n_parameters(self) -> int:
        """Support vectors, their weights, and one intercept per pair."""
        weights = int(np.count_nonzero(self.pair_weights_))
        return self.support_vectors_.size + weights + self.intercept_.size

    @property
    def multiply_adds(self) -> int:
        """Products in the kernel and the sums of all pairs; a linear kernel has only the sums."""
        if self.kernel == "linear":
            return self.support_vectors_.shape[1] * self.pair_weights_.shape[1]
        return kernel_products(self.support_vectors_, self.pair_weights_)


def _pair_weights(
    machine: Any, n_vectors: int, n_pairs: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the weights of the support vectors, (vectors, pairs), and the (pairs,) intercepts.

    With a linear kernel, OpenCV combines the vectors of each pair into one, with weight 1.
    """
    weights = np.zeros((n_vectors, n_pairs), dtype=np.float32)
    intercepts = np.empty(n_pairs)
    for pair in range(n_pairs):
        rho, alpha, index = machine.getDecisionFunction(pair)
        weights[index.ravel(), pair] = alpha.ravel()
        intercepts[pair] = -rho
    return weights, intercepts


class Spec(ClassicalSpec):
    """OpenCV's SVM, one-vs-one; for small sets."""

    deterministic: ClassVar[bool] = True

    kernel: Kernel = "rbf"
    """`linear` or `rbf`."""
    C: Weight = 5.0
    """Weight of the slack relative to the margin."""
    gamma: KernelWidth | Literal["scale"] = "scale"
    """RBF kernel coefficient; `scale` is 1 / (number of features x their variance)."""
    tol: Tolerance = 1e-3
    """The solver's tolerance."""
    max_iter: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1_000_000
    """The most iterations of the solver for each pair of classes."""

    def classifier(self, seed: int) -> OpenCVSVM:
        """Return the classifier; it is deterministic, so `seed` changes nothing."""
        return OpenCVSVM(self.kernel, self.C, self.gamma, self.tol, self.max_iter)

    def engine(self) -> str:
        """Return the solver and its library, for the run's card."""
        return f"OpenCV {cv2.__version__} ml.SVM"
