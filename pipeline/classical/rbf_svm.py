"""Support vector machine with an RBF kernel, one-vs-one (Cortes & Vapnik 1995).

The kernel is exp(-gamma ||x - y||^2). It is fitted by scikit-learn-intelex if installed (an order
of magnitude faster than LIBSVM on 50,000 images), otherwise by scikit-learn's LIBSVM. Both solve
the same problem, to the solver's tolerance.

Prediction is implemented here: the one-vs-one decision values are two float32 matrix products per
batch, instead of one kernel evaluation at a time.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

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


class RBFSVM(DecisionClassifier):
    """C-SVM with an RBF kernel.

    Args:
        C: weight of the slack; positive.
        gamma: the kernel coefficient, or ``"scale"`` for 1 / (d * variance of all features).
        tol: the solver's tolerance on the KKT conditions.
        cache_mb: megabytes for kernel rows while fitting.
    """

    def __init__(
        self,
        C: float = 1.0,
        gamma: float | Literal["scale"] = "scale",
        tol: float = 1e-3,
        cache_mb: int = 1000,
    ) -> None:
        self.C = C
        self.gamma = gamma
        self.tol = tol
        self.cache_mb = cache_mb

    def fit(
        self, features: NDArray, labels: NDArray, class_weights: NDArray | None = None
    ) -> RBFSVM:
        """Fit on (n, d) float features and (n,) labels of at least two classes.

        Args:
            features: (n, d).
            labels: (n,).
            class_weights: (classes,) factors of C for the images of each class, in each pair of
                classes; None for 1.
        """
        x = np.ascontiguousarray(features, dtype=np.float32)
        self.gamma_ = width_of(self.gamma, x)
        weights = None if class_weights is None else dict(
            zip(np.unique(labels).tolist(), class_weights.tolist(), strict=True)
        )  # fmt: skip
        machine = _svc_class()(
            C=self.C,
            gamma=self.gamma_,
            kernel="rbf",
            tol=self.tol,
            cache_size=self.cache_mb,
            class_weight=weights,
        ).fit(x, labels)
        self.classes_ = machine.classes_
        self.support_vectors_ = np.ascontiguousarray(machine.support_vectors_, dtype=np.float32)
        self.pair_weights_ = _pair_weights(machine)
        # With two classes, scikit-learn flips LIBSVM's sign, so that positive means the second.
        self.intercept_ = np.array(machine.intercept_, dtype=np.float64)
        return self

    def pair_decisions(self, features: NDArray) -> NDArray[np.float64]:
        """Return (n, pairs) decision values; pairs (0,1), (0,2), ..., (1,2), ... of classes.

        Positive values favor the first class of a pair; with two classes, the second.
        """
        check_is_fitted(self)
        sums = kernel_sums(features, self.support_vectors_, self.pair_weights_, self.gamma_)
        return sums + self.intercept_

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return scores: (n, classes), or (n,) for the second of two classes.

        With several classes these are the votes of `pipeline.classical.solvers.one_vs_one`.
        """
        pairs = self.pair_decisions(features)
        return pairs[:, 0] if len(self.classes_) == 2 else class_scores(pairs, len(self.classes_))

    @property
    def n_parameters(self) -> int:
        """Support vectors, their weights, and one intercept per pair."""
        weights = np.count_nonzero(self.pair_weights_)
        return self.support_vectors_.size + int(weights) + self.intercept_.size

    @property
    def multiply_adds(self) -> int:
        """Products in the kernel with the support vectors, and in the sums of all class pairs."""
        return kernel_products(self.support_vectors_, self.pair_weights_)


def _pair_weights(machine: Any) -> NDArray[np.float32]:
    """Unfold LIBSVM's dual coefficients into (support vectors, pairs).

    LIBSVM keeps classes - 1 coefficients per support vector: for one of class i in the pair with
    class j, row j - 1 if j > i, else row j (LIBSVM's README, "model file format").
    """
    dual = np.asarray(machine.dual_coef_, dtype=np.float32)
    n_classes = len(machine.classes_)
    if n_classes == 2:
        return np.ascontiguousarray(dual.T)
    starts = np.concatenate([[0], np.cumsum(machine.n_support_)])
    weights = np.zeros((dual.shape[1], n_classes * (n_classes - 1) // 2), dtype=np.float32)
    for column, (i, j) in enumerate(class_pairs(n_classes)):
        of_i = slice(starts[i], starts[i + 1])
        of_j = slice(starts[j], starts[j + 1])
        weights[of_i, column] = dual[j - 1, of_i]
        weights[of_j, column] = dual[i, of_j]
    return weights


def _svc_class() -> Any:
    try:
        from sklearnex.svm import SVC
    except ImportError:  # not built for this platform
        from sklearn.svm import SVC
    return SVC


_SUPPORT_VECTORS = 0.8
"""Share of the images that are support vectors of a pair of classes (measured: 0.67 of 45,000
images of CIFAR-10, 0.82 of 14,400 photographs of 20 classes)."""


class Spec(ClassicalSpec):
    """An SVM with an RBF kernel, one-vs-one."""

    deterministic: ClassVar[bool] = True

    C: Weight = 5.0
    """Weight of the slack relative to the margin."""
    gamma: KernelWidth | Literal["scale"] = "scale"
    """Kernel coefficient; `scale` is 1 / (number of features x their variance)."""
    tol: Tolerance = 1e-3
    """The solver's tolerance."""
    cache_mb: Annotated[int, Field(ge=50, le=16_000)] = 1000
    """Megabytes for kernel rows while fitting."""

    def classifier(self, seed: int) -> RBFSVM:
        """Return the classifier; it is deterministic, so `seed` changes nothing."""
        return RBFSVM(C=self.C, gamma=self.gamma, tol=self.tol, cache_mb=self.cache_mb)

    def classifier_bytes(self, n: int, d: int, n_classes: int) -> int:
        """Return the bytes of the copies of the features, and of what is larger of two things.

        scikit-learn's solver caches rows of the kernel; scikit-learn-intelex's keeps the support
        vectors of each pair of classes, and there are k·(k - 1)/2 pairs of 2/k of the images.
        """
        rows = (2 if self.mirrored else 1) * n
        cached = min(1_000_000 * self.cache_mb, 8 * rows**2)
        of_pairs = int(_SUPPORT_VECTORS * 4 * (n_classes - 1) * rows * d)
        return super().classifier_bytes(n, d, n_classes) + max(cached, of_pairs)

    def engine(self) -> str:
        """Return the library that fits it, with its version, for the run's card."""
        from pipeline.machine import versions

        package = _svc_class().__module__.split(".")[0]
        name = {"sklearnex": "scikit-learn-intelex", "sklearn": "scikit-learn"}.get(
            package, package
        )
        return f"{name} {versions(name).get(name, '')}".strip()
