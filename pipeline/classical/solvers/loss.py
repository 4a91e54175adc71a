"""What `pipeline.classical.solvers.newton` needs to know of a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Loss(ABC):
    """A convex loss of the outputs (n, k), summed over the images."""

    separate: ClassVar[bool]
    """Whether it is a sum over outputs, so that each is a problem by itself."""
    intercept_penalty: ClassVar[float]
    """r of the module docstring: 0 or 1."""
    n_outputs: int

    @abstractmethod
    def value(self, outputs: NDArray) -> Array:
        """Return the loss in float64: (k,) where it is a sum over outputs, else (1,)."""

    @abstractmethod
    def slope(self, outputs: NDArray) -> NDArray:
        """Return its derivative by the outputs, (n, k), in their dtype."""

    @abstractmethod
    def curvature(self, outputs: NDArray) -> NDArray:
        """Return what `bend` needs to know of the second derivative, one row an image."""

    @abstractmethod
    def bend(self, curvature: NDArray, change: NDArray) -> NDArray:
        """Return the second derivative at rows of `curvature`, times a (rows, k) `change`."""

    @abstractmethod
    def mean_curvature(self, curvature: NDArray) -> float:
        """Return about how much an image's slope changes with its own output."""
