"""The interface of losses for `pipeline.classical.solvers.newton`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Loss(ABC):
    """A convex loss of the outputs (n, k), summed over the images."""

    separate: ClassVar[bool]
    """Whether it is a sum over outputs, so that each output is a separate problem."""
    intercept_penalty: ClassVar[float]
    """r in the docstring of `newton`: 0 or 1."""
    n_outputs: int

    @abstractmethod
    def value(self, outputs: NDArray) -> Array:
        """Return the loss in float64: (k,) if it is a sum over outputs, otherwise (1,)."""

    @abstractmethod
    def gradient(self, outputs: NDArray) -> NDArray:
        """Return the (n, k) gradient with respect to the outputs, in their dtype."""

    @abstractmethod
    def curvature(self, outputs: NDArray) -> NDArray:
        """Return the numbers that `hessian_product` needs, one row per image."""

    @abstractmethod
    def hessian_product(self, curvature: NDArray, change: NDArray) -> NDArray:
        """Return the Hessian for rows of `curvature`, times a (rows, k) `change`."""

    @abstractmethod
    def mean_curvature(self, curvature: NDArray) -> float:
        """Return roughly how much an image's gradient changes with its own output."""
