"""Linear SVM on the Nyström map of an RBF kernel: nearly a kernel SVM, at the cost of a linear one.

With m landmarks drawn from the training images, image x becomes the m numbers
K_mm^(-1/2) k(landmarks, x), whose inner products approximate the kernel (Williams & Seeger 2001,
"Using the Nyström Method to Speed Up Kernel Machines", section 2). The squared-hinge SVM of
`pipeline.classical.linear_svm` follows, one-vs-rest. Departure: directions in which the landmarks'
kernel has an eigenvalue below 1e-6 of the largest are left out, because in float32 they contain
only rounding errors.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from pipeline.classical.solvers.preconditioner import newton_bytes
from pipeline.classical.solvers.rbf_kernel import kernel_products, kernel_sums, rbf_kernel, width_of
from pipeline.classical.solvers.squared_hinge import LinearSVM
from pipeline.classical.spec import (
    ClassicalSpec,
    DecisionClassifier,
    KernelWidth,
    Tolerance,
    Weight,
)

_SMALLEST_EIGENVALUE = 1e-6


class NystroemSVM(DecisionClassifier):
    """Squared-hinge SVM in the span of the kernel at some training images.

    Args:
        components: number of landmarks; all training images if there are fewer.
        gamma: the kernel coefficient, or ``"scale"`` for 1 / (d * variance of all features).
        C: weight of the loss relative to the penalty; positive.
        tol: the solver stops when the objective is this close to its minimum, as a fraction of it.
        seed: seed for drawing the landmarks.
    """

    def __init__(
        self,
        components: int = 2000,
        gamma: float | Literal["scale"] = "scale",
        C: float = 1.0,
        tol: float = 1e-4,
        seed: int = 0,
    ) -> None:
        self.components = components
        self.gamma = gamma
        self.C = C
        self.tol = tol
        self.seed = seed

    def fit(
        self, features: NDArray, labels: NDArray, class_weights: NDArray | None = None
    ) -> NystroemSVM:
        """Fit on (n, d) features and (n,) labels of at least two classes.

        Args:
            features: (n, d).
            labels: (n,).
            class_weights: (classes,) factors of C for the images of each class; None for 1.
        """
        x = np.ascontiguousarray(features, dtype=np.float32)
        self.gamma_ = width_of(self.gamma, x)
        order = np.random.default_rng(self.seed).permutation(len(x))
        self.landmarks_ = x[np.sort(order[: self.components])]
        exact = self.landmarks_.astype(np.float64)
        self.map_ = _inverse_root(rbf_kernel(exact, exact, self.gamma_))
        self.machine_ = LinearSVM(C=self.C, tol=self.tol)
        self.machine_.fit(self.transform(x), labels, class_weights)
        self.classes_ = self.machine_.classes_
        return self

    def transform(self, features: NDArray) -> NDArray[np.float32]:
        """Return (n, at most components) features whose inner products approximate the kernel."""
        return kernel_sums(features, self.landmarks_, self.map_, self.gamma_)

    def decision_function(self, features: NDArray) -> NDArray[np.float64]:
        """Return signed scores: (n, classes), or (n,) for the second of two classes."""
        check_is_fitted(self)
        return self.machine_.decision_function(self.transform(features))

    @property
    def n_parameters(self) -> int:
        """Landmarks, the map, and the weights and intercepts."""
        return self.landmarks_.size + self.map_.size + self.machine_.n_parameters

    @property
    def multiply_adds(self) -> int:
        """Products in the kernel with the landmarks, in the map, and in the linear SVM."""
        return kernel_products(self.landmarks_, self.map_) + self.machine_.multiply_adds


def _inverse_root(kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (m, rank) B with B B' the inverse of the (m, m) kernel on its larger eigenvalues."""
    values, vectors = np.linalg.eigh(kernel)
    kept = values > _SMALLEST_EIGENVALUE * values[-1]
    return np.ascontiguousarray(vectors[:, kept] / np.sqrt(values[kept]), dtype=np.float32)


class Spec(ClassicalSpec):
    """A linear SVM on the Nyström map of an RBF kernel; the seed draws the landmarks."""

    deterministic: ClassVar[bool] = False

    components: Annotated[int, Field(ge=1, le=20_000)] = 2000
    """Landmarks drawn from the training images. Fitting needs 4 bytes per landmark and image."""
    gamma: KernelWidth | Literal["scale"] = "scale"
    """Kernel coefficient; `scale` is 1 / (number of features x their variance)."""
    C: Weight = 1.0
    """Weight of the loss relative to the penalty."""
    tol: Tolerance = 1e-4
    """The solver stops when each class's objective is proven to be this close to its minimum, as a
    fraction of it."""

    def classifier(self, seed: int) -> NystroemSVM:
        """Return the classifier; `seed` draws its landmarks."""
        return NystroemSVM(self.components, self.gamma, self.C, self.tol, seed)

    def classifier_bytes(self, n: int, d: int, n_classes: int) -> int:
        """Return the bytes of the mapped images, of computing the map, and of the linear SVM."""
        rows = (2 if self.mirrored else 1) * n
        m = min(self.components, rows)
        return 4 * m * (rows + 3 * d) + 8 * 3 * m**2 + newton_bytes(rows, m, n_classes)

    def engine(self) -> str:
        """Return the solver and its library, for the run's card."""
        return f"Nyström map and truncated Newton in NumPy {np.__version__}"
