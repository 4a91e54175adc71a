"""Linear support vector machine, one-vs-rest, solved in the primal.

The objective is that of LIBLINEAR's L2-loss SVM (Fan et al. 2008, "LIBLINEAR: A Library for Large
Linear Classification", section 2, eq. 1), for each class k against the rest with y = +1 or -1::

    1/2 ||w||^2 + C * sum_i max(0, 1 - y_i (w . x_i + b))^2

The intercept b is regularized like a weight, as in LIBLINEAR (scikit-learn's
``LinearSVC(loss="squared_hinge", intercept_scaling=1)`` is the same problem). The squared hinge is
differentiable, so the primal can be minimized directly (Chapelle 2007, "Training a Support Vector
Machine in the Primal"). Truncated Newton does so for all classes at once, to a proven distance from
the optimum (`pipeline.classical.solvers.newton`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pipeline.classical.solvers.preconditioner import newton_bytes
from pipeline.classical.solvers.squared_hinge import LinearSVM
from pipeline.classical.spec import ClassicalSpec, Tolerance, Weight


class Spec(ClassicalSpec):
    """A linear SVM with squared hinge loss, one-vs-rest."""

    deterministic: ClassVar[bool] = True

    C: Weight = 1e-3
    """Weight of the loss relative to the penalty, for standardized features."""
    tol: Tolerance = 1e-4
    """The solver stops when each class's objective is proven to be this close to its minimum, as a
    fraction of it."""

    def classifier(self, seed: int) -> LinearSVM:
        """Return the classifier; it is deterministic, so `seed` changes nothing."""
        return LinearSVM(C=self.C, tol=self.tol)

    def classifier_bytes(self, n: int, d: int, n_classes: int) -> int:
        """Return the bytes of the second moments and the outputs; features are not copied."""
        return newton_bytes((2 if self.mirrored else 1) * n, d, n_classes)

    def engine(self) -> str:
        """Return the solver and its library, for the run's card."""
        return f"truncated Newton in NumPy {np.__version__}"
