"""Kernels of a network's first layer, drawn as small pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY, RGB, as_rgb
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
    """(n, height, width, 3), channels in RGB order, or (n, height, width, 1), as weights."""
    total: int
    """Number of kernels of the layer; if it exceeds n, the values are those of largest norm."""
    of_units: bool
    """Whether the layer is fully connected, so that its kernels are as large as the image."""

    @property
    def caption(self) -> str:
        """Describe what the sheet shows, and how it is scaled."""
        what = "units" if self.of_units else "kernels"
        shown = len(self.values)
        which = f"the {shown}" if shown == self.total else f"{shown} of the {self.total}"
        rest = "" if shown == self.total else ", those with the largest weights"
        drawn = ", as images of their weights" if self.of_units else ""
        return (
            f"{which} {what} of the first layer, {self.layer}{rest}{drawn}. Each is scaled "
            "separately: gray is zero, full color its largest weight"
        )


def first_kernels(model: keras.Model) -> FirstKernels | None:
    """Return the kernels of the first convolution, or of a fully connected layer on all pixels.

    Args:
        model: takes (n, height, width, channels) pixels; earlier layers may scale them.

    Returns:
        The kernels, or None if the first layer with kernels does not read pixels.
    """
    layer = first_convolution(model)
    if layer is not None:
        kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), dtype=np.float32)
        if kernel.shape[2] not in (GRAY, RGB):
            return None
        return _largest(layer.name, np.moveaxis(kernel, -1, 0), MOST_CONVOLUTIONS, False)
    shape = tuple(model.input_shape[1:])
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.Dense):
            kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), dtype=np.float32)
            if len(kernel) != math.prod(shape) or shape[-1] not in (GRAY, RGB):
                return None
            return _largest(layer.name, kernel.T.reshape(-1, *shape), MOST_UNITS, True)
    return None


def kernel_sheet(kernels: FirstKernels) -> NDArray[np.uint8]:
    """Draw each kernel, scaled by its largest weight; zero is gray. (height, width, 3) uint8."""
    largest = np.abs(kernels.values).max(axis=(1, 2, 3), keepdims=True)
    levels = 127.5 + 127.5 * kernels.values / np.maximum(largest, 1e-12)
    return tile_sheet(as_rgb(np.rint(levels).astype(np.uint8)))


def _largest(name: str, kernels: NDArray[np.float32], most: int, of_units: bool) -> FirstKernels:
    """Keep the kernels with the largest norms, in the order of the layer."""
    norms = np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1)
    kept = np.sort(np.argsort(-norms, kind="stable")[:most])
    return FirstKernels(name, kernels[kept], len(kernels), of_units)
