"""The receptive field of each layer: the part of the image that one of its values depends on.

Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill,
2019), equation 2, forward: a window of k values that lie j pixels apart sees (k - 1) · j pixels
more than one of them. Where branches meet, the largest field counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from pipeline.deep.graph import Shape

WHOLE = math.inf
"""The size of a field that is the whole image."""


@dataclass(frozen=True)
class Field:
    """A receptive field; that of a pixel by default."""

    size: float = 1
    """Side in pixels of the image; of two different sides, the longer."""
    jump: float = 1
    """Pixels of the image from one value to the next."""


def field_of(layer: Any, inputs: Sequence[Field], shapes: Sequence[Shape], output: Shape) -> Field:
    """Return the field of a layer's output.

    Args:
        layer: of Keras.
        inputs: the fields of what it reads.
        shapes: the shapes of what it reads, with the batch dimension.
        output: that of its first output.
    """
    if not inputs:
        return Field(WHOLE)
    before = Field(max(each.size for each in inputs), max(each.jump for each in inputs))
    window, strides = _window(layer)
    if window > 1 or strides > 1:
        return Field(before.size + (window - 1) * before.jump, before.jump * strides)
    if isinstance(layer, _RESIZING):
        jump = before.jump * (shapes[0][1] or 1) / (output[1] or 1)
        return Field(before.size + before.jump if jump != before.jump else before.size, jump)
    if isinstance(layer, keras.layers.Dense):
        # On maps it reads one place; on a vector, the values of all places.
        return before if len(shapes[0]) == 4 else Field(WHOLE)
    return Field(WHOLE) if isinstance(layer, _ALL_PLACES) else before


_WINDOWED = (
    *(keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D),
    *(keras.layers.MaxPooling2D, keras.layers.AveragePooling2D),
)
_RESIZING = (keras.layers.Resizing, keras.layers.UpSampling2D)
_ALL_PLACES = (
    *(keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D),
    *(keras.layers.GroupNormalization, keras.layers.Permute, keras.layers.Reshape),
)


def _window(layer: Any) -> tuple[int, int]:
    """Return the side of a layer's window, with gaps, and its stride; the longer of two sides."""
    if not isinstance(layer, _WINDOWED):
        return 1, 1
    sides = getattr(layer, "kernel_size", None) or layer.pool_size
    gaps = getattr(layer, "dilation_rate", (1, 1))
    window = max((side - 1) * gap + 1 for side, gap in zip(sides, gaps, strict=True))
    return window, max(layer.strides)
