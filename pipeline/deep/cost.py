"""The cost of a network, counted from its layers: multiply-adds, weights, activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from pipeline.checks import listing
from pipeline.host_memory import byte_size

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}
"""Bytes per number, by the dtype that a layer computes in."""


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer for one input."""

    name: str
    kind: str
    outputs: tuple[int, ...]
    """Shape of its first output, without the batch dimension."""
    trainable: int
    frozen: int
    multiply_adds: int | None
    """Products of kernel and input, as counted in the literature; biases, normalizations,
    activations and poolings are left out. None for an unknown kind of layer."""


def layer_table(model: keras.Model) -> list[LayerCost]:
    """Return the layers of a model in order, including those of nested models, without inputs."""
    return [_cost(layer) for layer in leaf_layers(model)]


def leaf_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model; a nested model is replaced by its layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def multiply_adds(model: keras.Model) -> int | None:
    """Return the multiply-adds of the model for one input, in inference.

    None if those of a layer are unknown; `uncounted_layers` names it.
    """
    return None if uncounted_layers(model) else counted_multiply_adds(model)


def counted_multiply_adds(model: keras.Model) -> int:
    """Return the multiply-adds of all layers of a known kind, a lower bound for the model."""
    return sum(layer.multiply_adds or 0 for layer in layer_table(model))


def uncounted_layers(model: keras.Model) -> tuple[str, ...]:
    """Return ``name (kind)`` of all layers and operations whose multiply-adds are unknown."""
    layers = [each for each in layer_table(model) if each.multiply_adds is None]
    named = [f"{each.name} ({each.kind})" for each in layers]
    named += [f"{each.name} ({type(each).__name__})" for each in _bare_operations(model)]
    return tuple(named)


def _bare_operations(model: keras.Model) -> Iterator[keras.Operation]:
    """Yield the operations of a model and its nested models that are not layers: ``x + y``."""
    for each in getattr(model, "operations", model.layers):
        if isinstance(each, keras.Model):
            yield from _bare_operations(each)
        elif not isinstance(each, keras.layers.Layer):
            yield each


def training_bytes(model: keras.Model) -> int:
    """Return the peak memory per image in a training step, in bytes.

    The forward pass keeps what the backward pass needs: the inputs of convolutions, dense layers,
    normalizations and maxima, and the outputs of activations and maxima, but nothing of additions,
    means and concatenations. The input and the gradient of the largest layer come on top. With
    TensorFlow on two cores, the memory beyond weights and graph was 0.8 to 1.1 times this estimate,
    for six networks at 96 and 160 pixels.
    """
    kept: dict[int, int] = {}
    inside = largest = 0
    for layer in leaf_layers(model):
        inputs, outputs = _tensor_bytes(layer, layer.input), _tensor_bytes(layer, layer.output)
        name = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if isinstance(layer, _NEED_INPUTS) or name in _NEED_THEIR_INPUT:
            kept |= inputs
        if isinstance(layer, keras.layers.MaxPooling2D) or name != "linear":
            kept |= outputs
        if isinstance(layer, keras.layers.Dropout) or name == "gelu":
            inside += sum(inputs.values())  # a mask; the error function
        largest = max(largest, sum(outputs.values()) + max(inputs.values(), default=0))
    return sum(kept.values()) + inside + largest


_NEED_INPUTS = (
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.BatchNormalization,
    keras.layers.MaxPooling2D,
    keras.layers.Maximum,
    keras.layers.Multiply,
    keras.layers.PReLU,
)
_NEED_THEIR_INPUT = ("gelu", "elu", "leaky_relu")


def _tensor_bytes(layer: keras.Layer, tensors: Any) -> dict[int, int]:
    """Return tensor id -> bytes for one image."""
    size = BYTES.get(layer.compute_dtype, 4)
    return {id(each): size * math.prod(_shape(each)) for each in keras.tree.flatten(tensors)}


def weight_bytes(model: keras.Model) -> tuple[int, int]:
    """Return the bytes of the trainable and of all other weights, in their stored dtypes."""
    trainable = sum(_bytes(variable) for variable in model.trainable_weights)
    return trainable, sum(_bytes(variable) for variable in model.weights) - trainable


def summary(model: keras.Model) -> str:
    """Return one line: layers with weights, parameters, multiply-adds, bytes."""
    table = layer_table(model)
    trainable, frozen = sum(each.trainable for each in table), sum(each.frozen for each in table)
    weighted = sum(bool(each.trainable or each.frozen) for each in table)
    adds = f"{count(counted_multiply_adds(model))} multiply-adds per image"
    if uncounted := uncounted_layers(model):
        adds = f"at least {adds} ({listing(uncounted, 3)} not counted)"
    return (
        f"{weighted} layers with weights, {trainable:,} trainable and {frozen:,} other parameters "
        f"({byte_size(sum(weight_bytes(model)))}), {adds}"
    )


def count(number: float) -> str:
    """Return ``416,520``, ``41.3 million`` or ``15.3 billion``."""
    for word, scale in (("billion", 1e9), ("million", 1e6)):
        if number >= scale:
            return f"{number / scale:.3g} {word}"
    return f"{number:,.0f}"


def _cost(layer: keras.Layer) -> LayerCost:
    outputs = [_shape(tensor) for tensor in keras.tree.flatten(layer.output)]
    trainable = sum(math.prod(variable.shape) for variable in layer.trainable_weights)
    every = sum(math.prod(variable.shape) for variable in layer.weights)
    return LayerCost(
        name=layer.name,
        kind=type(layer).__name__,
        outputs=outputs[0],
        trainable=trainable,
        frozen=every - trainable,
        multiply_adds=_multiply_adds(layer, outputs[0]),
    )


def _multiply_adds(layer: keras.Layer, outputs: tuple[int, ...]) -> int | None:
    """Count one layer; subclasses of known layers count as unknown."""
    if type(layer) in FREE:
        return 0
    counted = COUNTED.get(type(layer))
    return None if counted is None else counted(layer, outputs)


def _dense(layer: Any, outputs: tuple[int, ...]) -> int:
    """Count the inputs of each output times the outputs; a kernel is (..., inputs, outputs)."""
    return math.prod(layer.kernel.shape[:-1]) * math.prod(outputs)


def _depthwise(layer: Any, outputs: tuple[int, ...]) -> int:
    return math.prod(layer.kernel.shape[:2]) * math.prod(outputs)


def _separable(layer: Any, outputs: tuple[int, ...]) -> int:
    """Count both steps: a pixel of the first has inputs × depth_multiplier channels."""
    *pixels, filters = outputs
    depth = layer.pointwise_kernel.shape[2]
    kernel = math.prod(layer.depthwise_kernel.shape[:2])
    return math.prod(pixels) * depth * (kernel + filters)


COUNTED: dict[type, Callable[[Any, tuple[int, ...]], int]] = {
    keras.layers.Conv1D: _dense,
    keras.layers.Conv2D: _dense,
    keras.layers.Dense: _dense,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.SeparableConv2D: _separable,
}
FREE = frozenset(
    getattr(keras.layers, name)
    for name in (
        # activations, and layers that only act in training
        *("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"),
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise"),
        # normalizations and resizing
        *("BatchNormalization", "GroupNormalization", "LayerNormalization", "Normalization"),
        *("Rescaling", "Resizing", "UpSampling1D", "UpSampling2D"),
        # poolings
        *("AveragePooling1D", "AveragePooling2D", "MaxPooling1D", "MaxPooling2D"),
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        # elementwise combinations of several inputs
        *("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"),
        # shapes
        *("Cropping1D", "Cropping2D", "Flatten", "Identity", "InputLayer", "Permute"),
        *("RepeatVector", "Reshape", "ZeroPadding1D", "ZeroPadding2D"),
    )
)
"""Layers without products of a kernel and an input."""


def _shape(tensor: keras.KerasTensor) -> tuple[int, ...]:
    return tuple(side or 1 for side in tensor.shape[1:])


def _bytes(variable: keras.Variable) -> int:
    return math.prod(variable.shape) * BYTES.get(str(variable.dtype), 4)
