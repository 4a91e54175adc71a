"""The model that is trained: Keras's, with better operations for a step of TensorFlow on a CPU.

Layers stay Keras's own, so that Keras can load what is stored. Only while a training step is
traced, three of them compute the same in another way:

* The gradient of a bias is added up in float32. TensorFlow's BiasAddGrad adds up bfloat16 numbers
  in bfloat16, whose 8 bits cannot count beyond 256: the sum of 492,032 ones is 512 (TensorFlow
  2.20; issue 86378 of its repository). The bias of a convolution is added at every position of
  every image, so its gradient is such a sum. The gradient of a plain addition is right.
* Batch normalization uses the fused operation, which Keras does not use: several times as fast.
* GELU and its derivative are compiled into one loop each, in place of a dozen.

On GPUs and on JAX nothing is changed. `tests/benchmarks/training_throughput.py` compares epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import keras
from keras import ops

from pipeline import device
from pipeline.deep.cost import leaf_layers

FEWEST_CHANNELS = 8
"""The fused operation has no fast loop for fewer: four times as slow as Keras's for 6 channels."""
BFLOAT16_CHANNELS = 16
"""In bfloat16 it has one for multiples of this number only; others are computed in float32."""


class TrainingModel(keras.Model):
    """A model of Keras whose training steps compute the same, but faster and with less rounding."""

    def train_step(self, *arguments: Any) -> Any:
        """Take one step of the optimizer, as Keras does."""
        with ExitStack() as stack:
            if keras.backend.backend() == "tensorflow" and not device.has_accelerator():
                stack.enter_context(exact_bias_gradients())
                stack.enter_context(fast_layers(self))
            return super().train_step(*arguments)


@contextmanager
def exact_bias_gradients() -> Iterator[None]:
    """Let TensorFlow add biases in bfloat16 by plain additions.

    Other precisions are right, and predictions need no gradients: both keep BiasAdd, which is fused
    with convolutions.
    """
    import tensorflow as tf

    usual = tf.nn.bias_add

    def bias_add(
        value: Any, bias: Any, data_format: str | None = None, name: str | None = None
    ) -> Any:
        channels_last = data_format is None or not data_format.startswith("NC")
        if value.dtype == tf.bfloat16 and channels_last:
            return tf.add(value, bias, name=name)
        return usual(value, bias, data_format=data_format, name=name)

    tf.nn.bias_add = bias_add
    try:
        yield
    finally:
        tf.nn.bias_add = usual


@contextmanager
def fast_layers(model: keras.Model) -> Iterator[None]:
    """Let the batch normalizations and GELUs of `model` use TensorFlow's fastest operations."""
    layers = list(leaf_layers(model))
    normalizations = [layer for layer in layers if _is_fusible(layer)]
    activations = [
        layer
        for layer in layers
        if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.gelu
    ]
    for layer in normalizations:
        layer.call = _fused(layer)
    for layer in activations:
        layer.activation = compiled_gelu
    try:
        yield
    finally:
        for layer in normalizations:
            del layer.call
        for layer in activations:
            layer.activation = keras.activations.gelu


def _is_fusible(layer: keras.Layer) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.trainable
        and len(layer.input.shape) == 4
        and layer.axis in (-1, 3)
        and layer.input.shape[3] >= FEWEST_CHANNELS
    )


def _fused(layer: keras.layers.BatchNormalization) -> Callable[..., Any]:
    """Return what replaces the layer's `call` in training: the same, by one operation."""
    import tensorflow as tf

    channels = layer.moving_mean.shape[0]

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        nothing = tf.zeros([0])
        widened = inputs.dtype == tf.bfloat16 and channels % BFLOAT16_CHANNELS
        found = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, "float32") if widened else inputs,
            scale=ops.cast(layer.gamma, "float32") if layer.scale else tf.ones([channels]),
            offset=ops.cast(layer.beta, "float32") if layer.center else tf.zeros([channels]),
            mean=nothing,
            variance=nothing,
            epsilon=layer.epsilon,
            is_training=True,
        )
        # The operation's variance is that of a sample, Keras's that of a population.
        n = tf.cast(tf.size(inputs) // channels, "float32")
        moments = (
            (layer.moving_mean, found.batch_mean),
            (layer.moving_variance, found.batch_variance * (n - 1) / n),
        )
        for moving, new in moments:
            moving.assign(moving * layer.momentum + new * (1 - layer.momentum))
        return tf.cast(found.y, inputs.dtype)

    return call


@cache
def _gelu_loops() -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]:
    """Return compiled functions: GELU of x; and its derivative at x times another tensor."""
    import tensorflow as tf

    def chance(x: Any) -> Any:
        """Return the standard normal distribution function."""
        return 0.5 * (1 + tf.math.erf(x * math.sqrt(0.5)))

    @tf.function(jit_compile=True)
    def value(x: Any) -> Any:
        wide = tf.cast(x, "float32")
        return tf.cast(wide * chance(wide), x.dtype)

    @tf.function(jit_compile=True)
    def derivative(x: Any, factor: Any) -> Any:
        wide = tf.cast(x, "float32")
        density = tf.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi)
        slope = chance(wide) + wide * density
        return tf.cast(slope * tf.cast(factor, "float32"), x.dtype)

    return value, derivative


def compiled_gelu(x: Any) -> Any:
    """Return x·Φ(x) (Hendrycks and Gimpel 2016, section 2), computed in float32.

    Args:
        x: tensor of TensorFlow, of any float dtype, which the result has too.
    """
    import tensorflow as tf

    value, derivative = _gelu_loops()

    @tf.custom_gradient
    def gelu(x: Any) -> Any:
        return value(x), lambda factor: derivative(x, factor)

    return gelu(x)
