"""What the first layer of a network looks for: its kernels as small colour pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.cost import leaf_layers
from pipeline.deep.explain.activations import first_convolution
from pipeline.deep.explain.tile_sheets import tile_sheet

MOST_CONVOLUTIONS = 64
MOST_UNITS = 25
"""Kernels of a fully connected layer are as large as the image."""


@dataclass(frozen=True)
class FirstKernels:
    """Kernels of the layer that reads the pixels."""

    layer: str
    values: NDArray[np.float32]
    """(n, height, width, 3), channels in RGB order, as weights."""
    total: int
    """Kernels that the layer has; where they are more than n, those of the largest norms."""
    of_units: bool
    """Whether they belong to a fully connected layer, and so are as large as the image."""

    @property
    def caption(self) -> str:
        """Say what the sheet shows, in one sentence and how it is scaled."""
        what = "units" if self.of_units else "kernels"
        shown = len(self.values)
        which = f"the {shown}" if shown == self.total else f"{shown} of the {self.total}"
        rest = "" if shown == self.total else ", those of the largest weights"
        drawn = ", as images of their weights" if self.of_units else ""
        return (
            f"{which} {what} of the first layer, {self.layer}{rest}{drawn}. Each is scaled for "
            "itself: grey is no weight, full colour its largest one"
        )


def first_kernels(model: keras.Model) -> FirstKernels | None:
    """Return the kernels of the first convolution, or of a fully connected layer on all pixels.

    Args:
        model: from (n, height, width, 3) pixels on; layers before it may scale them.

    Returns:
        None where the first layer with kernels does not read three channels of colour.
    """
    layer = first_convolution(model)
    if layer is not None:
        kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), dtype=np.float32)
        if kernel.shape[2] != 3:
            return None
        return _largest(layer.name, np.moveaxis(kernel, -1, 0), MOST_CONVOLUTIONS, False)
    shape = tuple(model.input_shape[1:])
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.Dense):
            kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), dtype=np.float32)
            if len(kernel) != math.prod(shape) or shape[-1] != 3:
                return None
            return _largest(layer.name, kernel.T.reshape(-1, *shape), MOST_UNITS, True)
    return None


def kernel_sheet(kernels: FirstKernels) -> NDArray[np.uint8]:
    """Draw each kernel from its own largest weight: no weight is grey; (height, width, 3) uint8."""
    largest = np.abs(kernels.values).max(axis=(1, 2, 3), keepdims=True)
    levels = 127.5 + 127.5 * kernels.values / np.maximum(largest, 1e-12)
    return tile_sheet(np.rint(levels).astype(np.uint8))


def _largest(name: str, kernels: NDArray[np.float32], most: int, of_units: bool) -> FirstKernels:
    """Keep the kernels of the largest norms, in the order of the layer."""
    norms = np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1)
    kept = np.sort(np.argsort(-norms, kind="stable")[:most])
    return FirstKernels(name, kernels[kept], len(kernels), of_units)
