"""Kernel ridge regression on targets +1 and -1, one-vs-rest: the least-squares SVM.

For each class k, with targets y of +1 for its images and -1 for others, their mean b, and the RBF
kernel matrix K::

    (K + alpha I) c = y - b        score(x) = sum_i c_i k(x_i, x) + b

Sources: Suykens & Vandewalle 1999, "Least Squares Support Vector Machine Classifiers"; Rifkin, Yeo
& Poggio 2003, "Regularized Least-Squares Classification", who find it as accurate as the hinge
loss. Departure: b is the mean of the targets instead of a free intercept. It differs from `rbf_svm`
mainly in being one-vs-rest, whereas LIBSVM is one-vs-one: see docs/decisions.md. With a weight w_i
for each image's squared error, alpha / w_i is added to the diagonal instead, and b is the weighted
mean.

The solution is exact to a tolerance. Conjugate gradients use the whole matrix in memory
(`pipeline.classical.solvers.kernel_matrix`), solve for all classes at once, and are preconditioned
by the Nyström approximation from random columns (Frangella, Tropp & Udell 2023, "Randomized Nyström
Preconditioning"). Mirror images of the training images change the kernel; they add no rows. If each
feature is even or odd under mirroring, as after a projection of mirrored images, they need no
products of their own either.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from pipeline.classical.solvers.kernel_solver import solve, solver_bytes
from pipeline.classical.solvers.rbf_kernel import (
    kernel_products,
    kernel_sums,
    mirror_signs,
    width_of,
)
from pipeline.classical.spec import (
    ClassicalSpec,
    DecisionClassifier,
    KernelWidth,
    Tolerance,
    Weight,
)


class KernelRidge(DecisionClassifier):
    """Least squares in the space of an RBF kernel (module docstring).

    Args:
        alpha: the penalty; positive.
        gamma: the kernel coefficient, or ``"scale"`` for 1 / (d * variance of all features).
        tol: the solver stops at this norm of the residual relative to the targets.
        mirrored: whether the second half of the rows are mirror images of the first, in order.
        seed: seed for the preconditioner's columns; it changes the result only within `tol`.
    """

    def __init__(
        self,
        alpha: float = 0.03,
        gamma: float | Literal["scale"] = "scale",
        tol: float = 1e-3,
        mirrored: bool = False,
        seed: int = 0,
    ) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self.tol = tol
        self.mirrored = mirrored
        self.seed = seed

    def fit(
        self, features: NDArray, labels: NDArray, class_weights: NDArray | None = None
    ) -> KernelRidge:
        """Fit on (n, d) features and (n,) labels of at least two classes.

        Args:
            features: (n, d).
            labels: (n,).
            class_weights: (classes,) weights of the squared errors of each class; None for 1.
        """
        x = np.ascontiguousarray(features, dtype=np.float32)
        sets = tuple(np.split(x, 2)) if self.mirrored else (x,)
        self.gamma_ = width_of(self.gamma, x)
        self.classes_, codes = np.unique(labels[: len(sets[0])], return_inverse=True)
        positive = codes[:, None] == np.arange(len(self.classes_))
        # Two classes need one machine; more need one each.
        targets = np.where(positive[:, 1:] if len(self.classes_) == 2 else positive, 1.0, -1.0)
        weights = None if class_weights is None else class_weights[codes]
        self.intercept_ = np.average(targets, axis=0, weights=weights)
        sets = self._by_parity(sets)
        targets = targets - self.intercept_
        solution = solve(
            sets, self.gamma_, self.alpha, targets, self.tol, self.seed, self.n_even_, weights
        )
        self.n_iter_, self.residual_ = solution.n_iter, solution.residual
        self.vectors_ = x if len(sets) == 2 else sets[0]
        coefficients = np.tile(solution.weights / len(sets), (len(sets), 1))
        self.weights_ = np.ascontiguousarray(coefficients, dtype=np.float32)
        self._training_scores = self._scores(solution.products)
        return self

    def _by_parity(self, sets: tuple[NDArray[np.float32], ...]) -> tuple[NDArray[np.float32], ...]:
        """Return the images alone, even columns first, if mirroring only changes signs."""
        self.n_even_: int | None = None
        self.columns_: NDArray[np.intp] | None = None
        signs = mirror_signs(*sets) if len(sets) == 2 else None
        if signs is None:
            return sets
        self.n_even_ = int((signs > 0).sum())
        if (signs[: self.n_even_] > 0).all():
            return sets[:1]
        self.columns_ = np.argsort(-signs, kind="stable")
        return (np.ascontiguousarray(sets[0][:, self.columns_]),)

    def _scores(self, sums: NDArray[np.float32]) -> NDArray[np.float64]:
        scores = sums.astype(np.float64) + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def training_scores(self) -> NDArray[np.float64] | None:
        """Return the scores of the training images, which the solver has left over."""
        return getattr(self, "_training_scores", None)

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""
        check_is_fitted(self)
        x = features if self.columns_ is None else features[:, self.columns_]
        return self._scores(kernel_sums(x, self.vectors_, self.weights_, self.gamma_, self.n_even_))

    @property
    def n_parameters(self) -> int:
        """Training images (and mirror images that are not changes of sign), weights, intercepts."""
        return self.vectors_.size + self.weights_.size + self.intercept_.size

    @property
    def multiply_adds(self) -> int:
        """Products in the kernel with all training (and mirror) images, and in its sums."""
        images = kernel_products(self.vectors_, self.weights_)
        return images if self.n_even_ is None else 2 * images


class Spec(ClassicalSpec):
    """Least squares with an RBF kernel, one-vs-rest; all training images are kept."""

    deterministic: ClassVar[bool] = True

    alpha: Weight = 0.03
    """The penalty, which is added to the diagonal of ones of the kernel matrix."""
    gamma: KernelWidth | Literal["scale"] = "scale"
    """Kernel coefficient; `scale` is 1 / (number of features x their variance)."""
    tol: Tolerance = 1e-3
    """The solver stops at this norm of the residual relative to the targets."""

    def classifier(self, seed: int) -> KernelRidge:
        """Return the classifier; its seed stays 0, because it has no effect beyond `tol`."""
        return KernelRidge(self.alpha, self.gamma, self.tol, self.mirrored)

    def classifier_bytes(self, n: int, d: int, n_classes: int) -> int:
        """Return the bytes of the kernel matrix, the preconditioner and the stored images."""
        rows = (2 if self.mirrored else 1) * n
        return solver_bytes(n) + 4 * rows * d + 16 * n * n_classes

    def engine(self) -> str:
        """Return the solver and its library, for the run's card."""
        return f"preconditioned conjugate gradients in NumPy {np.__version__}"
