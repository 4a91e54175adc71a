"""A first layer that decorrelates the values of small patches, fitted on the training images.

Its kernels are the principal components of the patches and their negatives, each divided by the
standard deviation along it, so that the activation behind it loses nothing. They are never trained;
a bias can be, for the first epochs. David Page, "How to train your ResNet", part 8 (2019); Keller
Jordan (2024; arXiv 2404.00498), section 3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.deep.layers import activation
from pipeline.deep.spec import DeepSpec

if TYPE_CHECKING:
    import keras

WHITENING = "whitening"
"""Name of the layer; `pipeline.deep.training.optimizers` finds its bias by it."""
POSITIONS = 2**20
"""Pixel positions from which patches are taken: about 1,000 training images of 32×32 pixels."""
EPSILON = 5e-4
"""Added to the variances, so that directions of low variance are not amplified (section 3.2)."""


def whitened(x: keras.KerasTensor, spec: DeepSpec, padding: str = "same") -> keras.KerasTensor:
    """Add the whitening layer and its activation if the options ask for it.

    The kernels are random until `fit_whitening` sets them.

    Args:
        x: (n, height, width, channels) standardized images.
        spec: the options.
        padding: ``same`` keeps height and width; ``valid`` makes each smaller by the side of the
            patches less one.

    Returns:
        (n, height, width, 2·patch²·channels).
    """
    from keras import layers

    if not spec.whitening:
        return x
    with_bias = spec.whitening_bias_epochs > 0
    layer = layers.Conv2D(
        2 * spec.patch**2 * x.shape[-1],  # each direction and its opposite
        spec.patch,
        padding=padding,
        use_bias=with_bias,
        trainable=with_bias,
        name=WHITENING,
    )
    x = layer(x)
    layer.kernel.trainable = False
    return activation(x, spec, f"{WHITENING}_{spec.activation}")


def fit_whitening(network: keras.Model, spec: DeepSpec, inputs: NDArray) -> None:
    """Set the kernels of the whitening layer; its bias stays 0.

    Args:
        network: has the layer, however many layers precede it; changed in place.
        spec: the options; gives the layer in front of the network.
        inputs: (n, height, width, channels) uint8, the training images only.
    """
    from keras import Model
    from keras.ops import convert_to_numpy

    n = min(len(inputs), max(1, POSITIONS // (inputs.shape[1] * inputs.shape[2])))
    chosen = np.linspace(0, len(inputs) - 1, n).astype(int)
    pixels = np.asarray(inputs[chosen])
    standardize = spec.preprocessing(pixels)
    if standardize is not None:
        pixels = convert_to_numpy(standardize(pixels))
    layer = network.get_layer(WHITENING)
    before = Model(network.inputs[0], layer.input)  # such as a resizing
    seen = convert_to_numpy(before(pixels.astype(np.float32)))
    _, *bias = layer.get_weights()
    layer.set_weights([whitening_kernels(seen.astype(np.float32), spec.patch), *bias])


def whitening_kernels(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return kernels whose responses to patches are uncorrelated, followed by their negatives.

    The kernels are the eigenvectors of the patches' covariance, by decreasing variance, divided by
    the standard deviation along them.

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
    kernels = directions[:, ::-1] / np.sqrt(variances[::-1] + EPSILON)
    kernels = np.concatenate([kernels, -kernels], axis=1)
    return kernels.reshape(size, size, channels, -1).astype(np.float32)
