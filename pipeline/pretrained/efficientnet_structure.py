"""The convolutions of EfficientNet-Lite0, in order, with their sizes. Does not import Keras.

Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks" (ICML 2019),
table 1, for EfficientNet-B0. The Lite variant has no squeeze-and-excitation and uses ReLU6 instead
of swish; Lite0 has the same width and depth as B0. Sources: R. Liu, "Higher accuracy on vision
models with EfficientNet-Lite" (TensorFlow blog, March 16, 2020), and the published code,
``models/official/efficientnet/lite`` in the repository ``tensorflow/tpu``.

A stage of the table consists of inverted residual layers ``a``, ``b``, ... (Sandler et al.,
"MobileNetV2: Inverted residuals and linear bottlenecks", CVPR 2018): a 1×1 convolution that expands
the channels, a depthwise one, and a 1×1 convolution that projects them, without an activation. The
input is added to an output of the same shape.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

Step = Literal["expand", "depthwise", "project"]


class Stage(NamedTuple):
    """A row of table 1: `layers` inverted residual layers."""

    layers: int
    kernel: int
    stride: int
    """Of the first layer; the others have a stride of 1."""
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""Stages 2 to 8 of the paper, here ``block1`` to ``block7``; between ``stem`` and ``head``."""
STEM = 32
"""Filters of the first convolution, 3×3 with a stride of 2."""
HEAD = 1280
"""Filters of the last convolution, 1×1."""


class Convolution(NamedTuple):
    """One convolution; batch normalization follows in the published network."""

    name: str
    """The name of the Keras layer: ``block3b_expand``."""
    end: str
    """The Keras layer at whose output the inverted residual layer ends: ``block3b_add``."""
    kernel: int
    stride: int
    inputs: int
    filters: int
    relu6: bool
    """Whether ReLU6 follows."""

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a kernel of its own."""
        return self.name.endswith("_depthwise")

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the kernel as in Keras; a depthwise one is (side, side, channels, 1)."""
        return self.kernel, self.kernel, self.inputs, 1 if self.depthwise else self.filters


@cache
def blocks() -> tuple[tuple[Convolution, ...], ...]:
    """Return the convolutions of each of the nine blocks, in order; 49 in all."""
    stem = Convolution("stem", "stem", 3, 2, 3, STEM, True)
    found: list[tuple[Convolution, ...]] = [(stem,)]
    channels = STEM
    for number, stage in enumerate(STAGES, 1):
        block: list[Convolution] = []
        for letter in "abcd"[: stage.layers]:
            stride = stage.stride if letter == "a" else 1
            block += _inverted_residual(f"block{number}{letter}", stage, stride, channels)
            channels = stage.filters
        found.append(tuple(block))
    head = Convolution("head", "head", 1, 1, channels, HEAD, True)
    return (*found, (head,))


def convolutions() -> tuple[Convolution, ...]:
    """Return all convolutions, in order."""
    return tuple(each for block in blocks() for each in block)


def _inverted_residual(name: str, stage: Stage, stride: int, inputs: int) -> list[Convolution]:
    wide = inputs * stage.expansion
    adds = stride == 1 and inputs == stage.filters
    end = f"{name}_add" if adds else f"{name}_project"
    layers = [
        Convolution(f"{name}_depthwise", end, stage.kernel, stride, wide, wide, True),
        Convolution(f"{name}_project", end, 1, 1, wide, stage.filters, False),
    ]
    if stage.expansion > 1:
        layers.insert(0, Convolution(f"{name}_expand", end, 1, 1, inputs, wide, True))
    return layers
