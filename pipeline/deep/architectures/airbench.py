"""The network of airbench94: small, and designed to train in seconds.

Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024; arXiv 2404.00498), section
3; many of its parts come from David Page's series "How to train your ResNet" (2018-2019). At width
1 on 32×32 images of ten classes it has 1,971,338 trained parameters, and 288 in the first layer.

What makes it fast: a first layer that decorrelates patches, computed from the training images and
never trained; filters that start as the identity; pooling before normalization and activation,
which then process a quarter of the values; a shallow network; large batches at a high learning
rate, with scaled-down logits and smoothed labels.

Departures from the paper:

* The whitening layer has no trained bias, and other biases learn at the rate of the kernels.
* The output layer has a bias, which is not multiplied by the logit scale.
* Images are flipped at random, not in alternation, and padded with zeros, not by reflection.
* A moving average of the weights replaces Lookahead; the learning rate follows a cosine after the
  warm-up; test images are seen once, not in six versions.
* The last maximum is taken over all positions, which at 32 pixels are the paper's 3×3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.deep.layers import activation, dropout, kernel_options, output_layer
from pipeline.deep.options import (
    BatchSize,
    LearningRate,
    Optimizer,
    Penalty,
    Pixels,
    Schedule,
    Share,
    Smoothing,
    WarmupEpochs,
)
from pipeline.deep.spec import DeepSpec

if TYPE_CHECKING:
    import keras

WHITENING_POSITIONS = 2**20
"""Pixel positions from which patches are taken: about 1,000 training images of 32×32 pixels."""
WHITENING_EPSILON = 5e-4
"""Added to the variances, so that directions of low variance are not amplified (section 3.1)."""


class Spec(DeepSpec):
    """The network of airbench94 (2024): small, and trained in seconds on a GPU."""

    patch: Literal[2, 3] = 2
    """Side of the patches that the first layer decorrelates: 2 as in airbench94, 3 as in Page's."""
    logit_scale: float = Field(default=1 / 9, ge=1e-6, le=1)
    """Multiplies the inputs of the output layer, which then learns more slowly."""
    activation: Literal["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu"] = "gelu"
    """Activation after the whitening and each normalization; maxout is not supported."""
    batch_norm: bool = True
    """Batch normalization, without a trained scale, before each activation."""
    batch_size: BatchSize = 512
    """Images per optimizer step."""
    optimizer: Optimizer = "nesterov"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.5
    """Peak learning rate; the schedule lowers it. For adam and adamw, try 2e-3."""
    weight_decay: Penalty = 1.3e-3
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, or, with
    adamw, separately from it."""
    schedule: Schedule = "cosine"
    """Learning rate schedule: constant, time_decay, step, cosine or plateau."""
    warmup: WarmupEpochs = 3.0
    """Epochs in which the learning rate rises linearly from nearly 0, before the schedule."""
    ema: Share | None = 0.95
    """Keep an exponential moving average of the weights with this momentum, and evaluate and store
    the average; null uses the weights themselves."""
    label_smoothing: Smoothing = 0.2
    """Fraction of each label that is spread evenly over all classes."""
    flip: bool = True
    """Flip each image horizontally with probability one half."""
    crop: Pixels = 2
    """Pad each side with this many zero pixels, then crop to the original size at random."""

    def smallest_side(self) -> int:
        """Return the side for which whitening and three poolings leave one position."""
        return 8 + self.patch - 1

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"group3_conv2_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give the shapes for 32×32 images at width 1.

        The kernels of the layer `whitening` are random until `initialize` sets them.
        """
        from keras import Input, Model, layers

        n_whitened = 2 * self.patch**2 * input_shape[-1]  # each direction and its opposite
        image = Input(input_shape, name="image")  # 32 × 32 × 3
        x = layers.Conv2D(
            n_whitened, self.patch, use_bias=False, trainable=False, name="whitening"
        )(image)  # 31 × 31 × 24
        x = activation(x, self, f"whitening_{self.activation}")
        x = self._group(x, self.scaled(64), "group1")  # 15 × 15 × 64
        x = self._group(x, self.scaled(256), "group2")  # 7 × 7 × 256
        x = self._group(x, self.scaled(256), "group3")  # 3 × 3 × 256
        x = layers.GlobalMaxPooling2D(name="pool")(x)  # 256
        x = dropout(x, self, "dropout")
        x = layers.Rescaling(self.logit_scale, name="logit_scale")(x)
        return Model(image, output_layer(n_outputs, self)(x), name="airbench")

    def initialize(self, network: keras.Model, inputs: NDArray) -> None:
        """Set the whitening kernels, and make the other convolutions start as the identity.

        Args:
            network: newly built by `network`; changed in place.
            inputs: (n, height, width, 3) uint8, the training images only.
        """
        from keras.ops import convert_to_numpy

        n = min(len(inputs), max(1, WHITENING_POSITIONS // (inputs.shape[1] * inputs.shape[2])))
        chosen = np.linspace(0, len(inputs) - 1, n).astype(int)
        pixels = np.asarray(inputs[chosen])
        layer = self.preprocessing(pixels)
        if layer is not None:
            pixels = convert_to_numpy(layer(pixels))
        kernels = whitening_kernels(pixels.astype(np.float32), self.patch)
        network.get_layer("whitening").set_weights([kernels])
        for name in ("group1", "group2", "group3"):
            for index in (1, 2):
                conv = network.get_layer(f"{name}_conv{index}")
                kernel, *bias = conv.get_weights()
                conv.set_weights([partial_identity(kernel), *bias])

    def _group(self, x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        """Add two convolutions, with 2×2 max pooling after the first."""
        from keras import layers

        options = {"padding": "same", "use_bias": not self.batch_norm, **kernel_options(self)}
        x = layers.Conv2D(filters, 3, name=f"{name}_conv1", **options)(x)
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        x = self._normalized(x, f"{name}_conv1_bn")
        x = activation(x, self, f"{name}_conv1_{self.activation}")
        x = layers.Conv2D(filters, 3, name=f"{name}_conv2", **options)(x)
        x = self._normalized(x, f"{name}_conv2_bn")
        return activation(x, self, f"{name}_conv2_{self.activation}")

    def _normalized(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        from keras import layers

        if not self.batch_norm:
            return x
        # Training takes a few hundred steps, so statistics must not lag by a hundred.
        return layers.BatchNormalization(scale=False, momentum=0.9, name=name)(x)


def whitening_kernels(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return kernels whose responses to patches are uncorrelated, followed by their negatives.

    The kernels are the eigenvectors of the patches' covariance, by decreasing variance, divided by
    the standard deviation along them (section 3.1 of the paper).

    Args:
        pixels: (n, height, width, channels), standardized.
        size: side of the square patches.

    Returns:
        (size, size, channels, 2·size²·channels), in the layout of a Keras convolution.
    """
    channels = pixels.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), axis=(1, 2))
    patches = np.moveaxis(windows, 3, -1).reshape(-1, size * size * channels)
    variances, directions = np.linalg.eigh(np.cov(patches, rowvar=False))
    kernels = directions[:, ::-1] / np.sqrt(variances[::-1] + WHITENING_EPSILON)
    kernels = np.concatenate([kernels, -kernels], axis=1)
    return kernels.reshape(size, size, channels, -1).astype(np.float32)


def partial_identity(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel whose first filters pass the channels through unchanged (section 3.2).

    Args:
        kernel: (height, width, channels, filters) of a convolution; if there are more filters than
            channels, the remaining ones keep their values.
    """
    height, width, channels, filters = kernel.shape
    kernel, passed = kernel.copy(), min(channels, filters)
    kernel[..., :passed] = 0
    kernel[height // 2, width // 2, range(passed), range(passed)] = 1
    return kernel
