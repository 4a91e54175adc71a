"""Layers with weights, normalizations and resizing as ONNX nodes; see `layers`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.commands.onnx_export.activations import activated
from pipeline.commands.onnx_export.graph import Graph

Shapes = Sequence[tuple[int | None, ...]]


def by_channel(values: Any, rank: int) -> NDArray[np.float32]:
    """Return an array that broadcasts along the channels, which are second in four dimensions."""
    array = np.asarray(values, dtype=np.float32)
    return array.reshape(-1, 1, 1) if rank == 4 and array.size > 1 else array.reshape(-1)


def weights(layer: Any) -> dict[str, NDArray]:
    """Return the arrays of a layer by name, such as ``kernel``."""
    return dict(zip((each.name for each in layer.weights), layer.get_weights(), strict=True))


# --- convolutions and dense layers ---------------------------------------------------------------


def _convolved(graph: Graph, layer: Any, x: str, shape: Sequence[int | None], kernel: Any,
               bias: Any, group: int = 1, dilated: bool = True) -> str:  # fmt: skip
    """Add a convolution with an ONNX kernel (filters, inputs per group, height, width)."""
    dilation = layer.dilation_rate if dilated else (1, 1)
    sizes, strides = kernel.shape[2:], layer.strides
    inputs = [x, graph.constant(kernel)] + ([] if bias is None else [graph.constant(bias)])
    return graph.add(
        "Conv",
        *inputs,
        kernel_shape=list(sizes),
        strides=list(strides),
        dilations=list(dilation),
        group=group,
        pads=pads(layer.padding, shape, sizes, strides, dilation),
    )


def pads(
    padding: str,
    shape: Sequence[int | None],
    sizes: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int] = (1, 1),
) -> list[int]:
    """Return top, left, bottom, right; of an odd number, TensorFlow adds more at the end."""
    if padding == "valid":
        return [0, 0, 0, 0]
    before, after = [], []
    for side, size, stride, step in zip(shape[1:3], sizes, strides, dilation, strict=True):
        if side is None:
            raise StudyError("found a network for images of any size; expected a fixed size")
        reach = (math.ceil(side / stride) - 1) * stride + (size - 1) * step + 1
        total = max(0, reach - side)
        before.append(total // 2)
        after.append(total - total // 2)
    return [*before, *after]


def conv(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `Conv2D`."""
    held = weights(layer)
    kernel = held["kernel"].transpose(3, 2, 0, 1)
    x = _convolved(graph, layer, inputs[0], shapes[0], kernel, held.get("bias"), layer.groups)
    return activated(graph, x, layer.activation, 4)


def _per_channel(kernel: NDArray) -> NDArray:
    """Return a depthwise kernel (height, width, channels, multiplier) as ONNX has it."""
    height, width = kernel.shape[:2]
    return kernel.reshape(height, width, -1).transpose(2, 0, 1)[:, None]


def depthwise(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `DepthwiseConv2D`."""
    held = weights(layer)
    kernel = held.get("kernel", held.get("depthwise_kernel"))
    each = _per_channel(np.asarray(kernel))
    group = int(shapes[0][-1] or 1)
    x = _convolved(graph, layer, inputs[0], shapes[0], each, held.get("bias"), group)
    return activated(graph, x, layer.activation, 4)


def separable(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `SeparableConv2D`: its depthwise part, then its pointwise one."""
    held, group = weights(layer), int(shapes[0][-1] or 1)
    each = _per_channel(held["depthwise_kernel"])
    x = _convolved(graph, layer, inputs[0], shapes[0], each, None, group)
    pointwise = held["pointwise_kernel"].transpose(3, 2, 0, 1)
    rest = [graph.constant(pointwise)]
    rest += [graph.constant(held["bias"])] if "bias" in held else []
    return activated(graph, graph.add("Conv", x, *rest), layer.activation, 4)


def dense(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `Dense`, of vectors or of each position of maps."""
    held, rank = weights(layer), len(shapes[0])
    x = graph.last(inputs[0]) if rank == 4 else inputs[0]
    x = graph.add("MatMul", x, graph.constant(held["kernel"]))
    if "bias" in held:
        x = graph.add("Add", x, graph.constant(held["bias"]))
    return activated(graph, graph.first(x) if rank == 4 else x, layer.activation, rank)


# --- normalizations ------------------------------------------------------------------------------


def batch_norm(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `BatchNormalization` with the statistics that it has stored."""
    held, rank = weights(layer), len(shapes[0])
    factor = held.get("gamma", 1.0) / np.sqrt(held["moving_variance"].astype(float) + layer.epsilon)
    offset = held.get("beta", 0.0) - held["moving_mean"] * factor
    if "gamma" not in held and "beta" not in held:  # a standardization: small differences count
        x = graph.add("Sub", inputs[0], graph.constant(by_channel(held["moving_mean"], rank)))
        return graph.add("Mul", x, graph.constant(by_channel(factor, rank)))
    return graph.scaled(inputs[0], by_channel(factor, rank), by_channel(offset, rank))


def normalization(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `Normalization`."""
    rank = len(shapes[0])
    mean, variance = np.asarray(layer.mean, float), np.asarray(layer.variance, float)
    deviation = np.maximum(np.sqrt(variance), 1e-7)
    x = graph.add("Sub", inputs[0], graph.constant(by_channel(mean, rank)))
    return graph.add("Div", x, graph.constant(by_channel(deviation, rank)))


def layer_norm(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `LayerNormalization` over channels."""
    rank, held = len(shapes[0]), weights(layer)
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if axes not in ([-1], [rank - 1]):
        raise StudyError(f"{layer.name}: found a normalization over {axes}; expected the last axis")
    x = graph.last(inputs[0]) if rank == 4 else inputs[0]
    width = int(shapes[0][-1] or 1)
    scale = graph.constant(held.get("gamma", np.ones(width)))
    shift = graph.constant(held.get("beta", np.zeros(width)))
    x = graph.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=float(layer.epsilon))
    return graph.first(x) if rank == 4 else x


def rescaling(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Add a `Rescaling`."""
    rank = len(shapes[0])
    return graph.scaled(inputs[0], by_channel(layer.scale, rank), by_channel(layer.offset, rank))


def resizing(graph: Graph, layer: Any, inputs: list[str], shapes: Shapes) -> str:
    """Resize by a product with one matrix per side, which is what the layer itself computes."""
    x, (_, height, width, _) = inputs[0], shapes[0]
    if height is None or width is None or layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        raise StudyError(f"{layer.name}: found a resizing that depends on the image's sides")
    down = _resized_unit(layer, height, axis=0)
    across = _resized_unit(layer, width, axis=1)
    x = graph.add("MatMul", x, graph.constant(across.T))
    return graph.add("MatMul", graph.constant(down), x)


def _resized_unit(layer: Any, side: int, axis: int) -> NDArray[np.float32]:
    """Return the (new side, side) matrix of a resizing along one axis."""
    from keras import layers

    size = layer.height if axis == 0 else layer.width
    kind = {"interpolation": layer.interpolation, "antialias": layer.antialias}
    resize = layers.Resizing(size, side, dtype="float32", **kind)
    unit = np.eye(side, dtype=np.float32)[None, :, :, None]
    return np.asarray(resize(unit, training=False))[0, :, :, 0]
