"""Keras's layers as ONNX nodes: those that stored networks may have, in inference mode.

Each function takes the graph, the layer, the names of its inputs and their shapes in Keras's order,
and returns the name of the output. All compute in float32, whatever the layer's precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.checks import StudyError
from pipeline.commands.onnx_export.activations import activated, relu
from pipeline.commands.onnx_export.graph import Graph
from pipeline.commands.onnx_export.weighted_layers import (
    Shapes,
    batch_norm,
    conv,
    dense,
    depthwise,
    layer_norm,
    normalization,
    pads,
    rescaling,
    resizing,
    separable,
    weights,
)

Layer = Callable[[Graph, Any, list[str], Shapes], str]


# --- poolings and sums ---------------------------------------------------------------------------


def _pooled(kind: str, **options: Any) -> Layer:
    def layer_of(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
        margins = pads(layer.padding, shapes[0], layer.pool_size, layer.strides)
        sizes, strides = list(layer.pool_size), list(layer.strides)
        return graph.add(
            kind, inputs[0], kernel_shape=sizes, strides=strides, pads=margins, **options
        )

    return layer_of


def _over_positions(kind: str) -> Layer:
    def layer_of(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
        axes = graph.integers([2, 3])
        return graph.add(kind, inputs[0], axes, keepdims=int(layer.keepdims))

    return layer_of


def _joined(kind: str) -> Layer:
    def layer_of(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
        x = inputs[0]
        for other in inputs[1:]:
            x = graph.add(kind, x, other)
        return x

    return layer_of


def _average(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    return graph.add("Mean", *inputs)


def _concatenate(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    rank = len(shapes[0])
    axis = layer.axis % rank
    return graph.add("Concat", *inputs, axis={1: 2, 2: 3, 3: 1}[axis] if rank == 4 else axis)


# --- activations ---------------------------------------------------------------------------------


def _activation(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    return activated(graph, inputs[0], layer.activation, len(shapes[0]))


def _relu(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    return relu(graph, inputs[0], layer.negative_slope, layer.max_value, layer.threshold)


def _leaky(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    return relu(graph, inputs[0], layer.negative_slope)


def _elu(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    return graph.add("Elu", inputs[0], alpha=float(layer.alpha))


def _prelu(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    slopes = weights(layer)["alpha"]
    if len(shapes[0]) == 4:
        slopes = slopes.transpose(2, 0, 1)
    return graph.add("PRelu", inputs[0], graph.constant(slopes))


def _softmax(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    rank = len(shapes[0])
    if layer.axis not in (-1, rank - 1):
        raise StudyError(f"{layer.name}: found a softmax over axis {layer.axis}; expected the last")
    return graph.add("Softmax", inputs[0], axis=1 if rank == 4 else -1)


# --- shapes --------------------------------------------------------------------------------------


def _same(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Pass a value on: what a layer does in training alone."""
    return inputs[0]


def _identity(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Round to float16 where the layer does, as for features that are kept."""
    if layer.compute_dtype != "float16":
        return inputs[0]
    half = graph.add("Cast", inputs[0], to=10)  # FLOAT16
    return graph.add("Cast", half, to=1)  # FLOAT


def _reordered(graph: Graph, x: str, shape: Sequence[int | None], new: Sequence[int]) -> str:
    """Reshape in Keras's order of values."""
    x = graph.last(x) if len(shape) == 4 else x
    x = graph.add("Reshape", x, graph.integers([-1, *new]))
    return graph.first(x) if len(new) == 3 else x


def _flatten(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    width = math.prod(side or 1 for side in shapes[0][1:])
    return _reordered(graph, inputs[0], shapes[0], [width])


def _reshape(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    new = layer.compute_output_shape((1, *shapes[0][1:]))[1:]
    return _reordered(graph, inputs[0], shapes[0], list(new))


def _permute(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    rank = len(shapes[0])
    x = graph.last(inputs[0]) if rank == 4 else inputs[0]
    x = graph.add("Transpose", x, perm=[0, *layer.dims])
    return graph.first(x) if rank == 4 else x


def _cropping_1d(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    start, end = layer.cropping
    length = int(shapes[0][1] or 0)
    ends = [graph.integers([each]) for each in (start, length - end, 1)]
    return graph.add("Slice", inputs[0], *ends)


def _cropping_2d(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    (top, bottom), (left, right) = layer.cropping
    height, width = (int(side or 0) for side in shapes[0][1:3])
    starts, ends = graph.integers([top, left]), graph.integers([height - bottom, width - right])
    return graph.add("Slice", inputs[0], starts, ends, graph.integers([2, 3]))


def _zero_padding(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph.add("Pad", inputs[0], graph.integers([0, 0, top, left, 0, 0, bottom, right]))


LAYERS: dict[str, Layer] = {
    "Activation": _activation,
    "Add": _joined("Add"),
    "Average": _average,
    "AveragePooling2D": _pooled("AveragePool", count_include_pad=0),
    "BatchNormalization": batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": conv,
    "Cropping1D": _cropping_1d,
    "Cropping2D": _cropping_2d,
    "Dense": dense,
    "DepthwiseConv2D": depthwise,
    "Dropout": _same,
    "ELU": _elu,
    "Flatten": _flatten,
    "GaussianNoise": _same,
    "GlobalAveragePooling2D": _over_positions("ReduceMean"),
    "GlobalMaxPooling2D": _over_positions("ReduceMax"),
    "Identity": _identity,
    "LayerNormalization": layer_norm,
    "LeakyReLU": _leaky,
    "MaxPooling2D": _pooled("MaxPool"),
    "Maximum": _joined("Max"),
    "Multiply": _joined("Mul"),
    "Normalization": normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "ReLU": _relu,
    "Rescaling": rescaling,
    "Reshape": _reshape,
    "Resizing": resizing,
    "SeparableConv2D": separable,
    "Softmax": _softmax,
    "SpatialDropout2D": _same,
    "Subtract": _joined("Sub"),
    "ZeroPadding2D": _zero_padding,
}
"""The name of a Keras layer -> its function."""
