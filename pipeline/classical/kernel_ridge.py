"""Kernel ridge regression on targets +1 and -1, one-vs-rest: the least-squares SVM.

For each class k, with targets y of +1 for its images and -1 for others, their mean b, and the RBF
kernel matrix K::

    (K + alpha I) c = y - b        score(x) = sum_i c_i k(x_i, x) + b

Sources: Suykens & Vandewalle 1999, "Least Squares Support Vector Machine Classifiers"; Rifkin, Yeo
& Poggio 2003, "Regularized Least-Squares Classification", who find it as accurate as the hinge
loss. Departure: b is the mean of the targets instead of a free intercept. It differs from `rbf_svm`
mainly in being one-vs-rest, whereas LIBSVM is one-vs-one: see docs/decisions.md.

The solution is exact to a tolerance. Conjugate gradients use the whole matrix in memory
(`pipeline.classical.solvers.kernel_matrix`), solve for all classes at once, and are preconditioned
by the Nyström approximation from random columns (Frangella, Tropp & Udell 2023, "Randomized Nyström
Preconditioning"). Mirror images of the training images change the kernel; they add no rows.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from pipeline.classical.solvers.kernel_solver import solve, solver_bytes
from pipeline.classical.solvers.rbf_kernel import kernel_products, kernel_sums, width_of
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

    def fit(self, features: NDArray, labels: NDArray) -> KernelRidge:
        """Fit on (n, d) features and (n,) labels of at least two classes."""
        x = np.ascontiguousarray(features, dtype=np.float32)
        sets = tuple(np.split(x, 2)) if self.mirrored else (x,)
        self.gamma_ = width_of(self.gamma, x)
        self.classes_, codes = np.unique(labels[: len(sets[0])], return_inverse=True)
        positive = codes[:, None] == np.arange(len(self.classes_))
        # Two classes need one machine; more need one each.
        targets = np.where(positive[:, 1:] if len(self.classes_) == 2 else positive, 1.0, -1.0)
        self.intercept_ = targets.mean(axis=0)
        solution = solve(
            sets, self.gamma_, self.alpha, targets - self.intercept_, self.tol, self.seed
        )
        self.n_iter_, self.residual_ = solution.n_iter, solution.residual
        self.vectors_ = x
        weights = np.tile(solution.weights / len(sets), (len(sets), 1))
        self.weights_ = np.ascontiguousarray(weights, dtype=np.float32)
        return self

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""
        check_is_fitted(self)
        sums = kernel_sums(features, self.vectors_, self.weights_, self.gamma_)
        scores = sums.astype(np.float64) + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    @property
    def n_parameters(self) -> int:
        """Training images (and their mirror images), their weights, and the intercepts."""
        return self.vectors_.size + self.weights_.size + self.intercept_.size

    @property
    def multiply_adds(self) -> int:
        """Products in the kernel with all training (and mirror) images, and in its sums."""
        return kernel_products(self.vectors_, self.weights_)


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
