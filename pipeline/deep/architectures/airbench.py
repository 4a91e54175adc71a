"""A small network made to be trained in seconds: that of airbench94.

Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2024; arXiv 2404.00498), section
3; many of its parts are from David Page's series "How to train your ResNet" (2018-2019). At width 1
on 32×32 images of ten classes it trains 1,971,338 numbers, beside the 288 of the first layer.

What makes it fast: a first layer that is computed from the training images (their patches are
decorrelated) and never trained; filters that start as the identity; pooling in front of
normalisation and activation, which then touch a quarter of the values; little depth; large batches
at a high rate, with logits scaled down and smoothed labels.

Departures from the paper:

* The whitening layer has no trained bias, and other biases learn at the rate of the kernels.
* The output layer has a bias, which the scale of the logits leaves alone.
* Images are mirrored by chance, not in turns, and padded with zeros, not with their reflection.
* An average over the weights of the last steps takes the place of Lookahead; rates follow a cosine
  after the warm-up; test images are seen once, not in six versions.
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
"""Positions of training images from which patches are taken: about 1,000 images of 32×32 pixels."""
WHITENING_EPSILON = 5e-4
"""Added to the variances, so that directions that hardly vary are not blown up (section 3.1)."""


class Spec(DeepSpec):
    """The network of airbench94 (2024): small, and trained in seconds on a GPU."""

    patch: Literal[2, 3] = 2
    """Side of the patches that the first layer decorrelates: 2 as in airbench94, 3 as Page's."""
    logit_scale: float = Field(default=1 / 9, ge=1e-6, le=1)
    """Multiplies the inputs of the output layer, so that it learns at a lower rate."""
    activation: Literal["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu"] = "gelu"
    """What follows the whitening and each normalisation; it has one input, unlike maxout."""
    batch_norm: bool = True
    """Batch normalisation, without a trained scale, in front of each activation."""
    batch_size: BatchSize = 512
    """Images in one step of the optimizer."""
    optimizer: Optimizer = "nesterov"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.5
    """The optimizer's largest step size; the schedule lowers it. For adam and adamw, try 2e-3."""
    weight_decay: Penalty = 1.3e-3
    """Shrinks kernels, never biases or normalisations: as λ·w in the gradient, or, with adamw,
    apart from it."""
    schedule: Schedule = "cosine"
    """Of the learning rate: constant, time_decay, step, cosine or plateau."""
    warmup: WarmupEpochs = 3.0
    """Epochs in which the learning rate rises linearly from nearly 0, before any schedule."""
    ema: Share | None = 0.95
    """Keep an exponential moving average of the weights with this momentum, and measure and store
    that; null for the weights themselves."""
    label_smoothing: Smoothing = 0.2
    """Share of each label that is spread evenly over all classes."""
    flip: bool = True
    """Mirror each image left to right, with probability one half."""
    crop: Pixels = 2
    """Pad with zeros by so many pixels on each side, and cut the old size out anywhere."""

    def smallest_side(self) -> int:
        """Return the side of which whitening and three poolings leave one position."""
        return 8 + self.patch - 1

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"group3_conv2_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; the shapes beside it are those of 32×32 images at width 1.

        The kernels of the layer `whitening` are drawn until `initialise` has seen training images.
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

    def initialise(self, network: keras.Model, inputs: NDArray) -> None:
        """Set the whitening kernels, and let the other convolutions start as the identity.

        Args:
            network: as `network` builds it; changed in place.
            inputs: (n, height, width, 3) uint8, the training images alone.
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
        """Add two convolutions, the first one with the maximum of each 2×2 positions."""
        from keras import layers

        options = {"padding": "same", "use_bias": not self.batch_norm, **kernel_options(self)}
        x = layers.Conv2D(filters, 3, name=f"{name}_conv1", **options)(x)
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        x = self._normalised(x, f"{name}_conv1_bn")
        x = activation(x, self, f"{name}_conv1_{self.activation}")
        x = layers.Conv2D(filters, 3, name=f"{name}_conv2", **options)(x)
        x = self._normalised(x, f"{name}_conv2_bn")
        return activation(x, self, f"{name}_conv2_{self.activation}")

    def _normalised(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        from keras import layers

        if not self.batch_norm:
            return x
        # Trainings are a few hundred steps long: statistics may not lag by a hundred of them.
        return layers.BatchNormalization(scale=False, momentum=0.9, name=name)(x)


def whitening_kernels(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return kernels whose responses to patches are uncorrelated, and the kernels' opposites.

    The kernels are the eigenvectors of the patches' covariance, those of largest variance first,
    divided by the standard deviation along them (section 3.1 of the paper).

    Args:
        pixels: (n, height, width, channels), standardised.
        size: side of the square patches.

    Returns:
        (size, size, channels, 2·size²·channels), as a convolution of Keras takes it.
    """
    channels = pixels.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size), axis=(1, 2))
    patches = np.moveaxis(windows, 3, -1).reshape(-1, size * size * channels)
    variances, directions = np.linalg.eigh(np.cov(patches, rowvar=False))
    kernels = directions[:, ::-1] / np.sqrt(variances[::-1] + WHITENING_EPSILON)
    kernels = np.concatenate([kernels, -kernels], axis=1)
    return kernels.reshape(size, size, channels, -1).astype(np.float32)


def partial_identity(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a kernel whose first filters pass the channels on as they are (section 3.2).

    Args:
        kernel: (height, width, channels, filters) of a convolution; of filters beyond the channels
            the values stay.
    """
    height, width, channels, filters = kernel.shape
    kernel, passed = kernel.copy(), min(channels, filters)
    kernel[..., :passed] = 0
    kernel[height // 2, width // 2, range(passed), range(passed)] = 1
    return kernel
