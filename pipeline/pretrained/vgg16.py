"""The convolutions of VGG16, for both networks and feature extractors.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
2015), table 1, column D, without its three fully connected layers: 14,714,688 parameters.
Departures from the paper: images are resized to a square without a crop, and layers after the
deepest one in use are not built.

`pipeline.pretrained.weights` reads the weights. Keras is imported only where it is used, because
parsing options and checking a weights file must stay fast.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from pipeline.checks import StudyError
from pipeline.config.registry import MethodSpec
from pipeline.keras_backend import load_keras
from pipeline.pretrained.weights import (
    BLOCKS,
    Weights,
    check_imagenet_weights,
    check_layers,
    check_weights_file,
    load_weights,
    up_to_deepest,
)

if TYPE_CHECKING:
    import keras

MEANS = (123.68, 116.779, 103.939)
"""Mean red, green and blue of ImageNet's training pixels, subtracted from the network's inputs."""
MINIMUM_SIZE = 32
"""Five halvings of 32 pixels leave one position."""
FLOAT16_MAX = 65504.0
"""The largest float16; ImageNet's weights give activations below a quarter of it on photographs."""

Pooling = Literal["average", "max", "flatten"]
Precision = Literal["float32", "bfloat16"]
"""Compute precision of an extractor's convolutions."""
ComputePrecision = Literal["float32", "bfloat16", "float16"]
"""Compute precision of a network's convolutions."""


class BaseOptions(MethodSpec):
    """The options of the frozen base, shared by the network and the extractor that use it."""

    weights: str = Field(default="imagenet", min_length=1)
    """imagenet (a download of 59 MB), random (an untrained control), or the path of an .h5 file."""
    image_size: int = Field(default=64, ge=MINIMUM_SIZE, le=512)
    """Resize images to this square inside the model; the cost grows with its area."""
    layers: tuple[str, ...] = ("block3_pool", "block4_pool", "block5_pool")
    """Layers whose outputs are used, such as block4_pool or block5_conv3."""
    pooling: Pooling = "average"
    """How each layer's output becomes a vector: average, max, or flatten (keeps positions)."""

    @field_validator("layers")
    @classmethod
    def _known(cls, layers: tuple[str, ...]) -> tuple[str, ...]:
        check_layers(layers)
        return layers

    def check_files(self) -> None:
        """Check a local weights file, or whether the download is available; without Keras."""
        if self.weights == "imagenet":
            check_imagenet_weights()
        elif self.weights != "random":
            check_weights_file(Path(self.weights))


def block_of(name: str) -> int:
    """Return the number, from 1, of the block that contains the layer `name`."""
    return int(name.removeprefix("block").split("_")[0])


def output_shape(name: str, image_size: int) -> tuple[int, int, int]:
    """Return the output shape (height, width, channels) of the layer `name` for square images."""
    block = block_of(name)
    side = image_size >> (block if name.endswith("pool") else block - 1)
    return side, side, BLOCKS[block - 1][2]


def vgg16_base(
    weights: str | Weights,
    image_size: int,
    layers: Sequence[str],
    pooling: Pooling,
    seed: int = 0,
    image_shape: tuple[int | None, int | None, int] = (None, None, 3),
    precision: ComputePrecision = "float32",
    boundary: str | None = None,
) -> keras.Model:
    """Build the frozen base, from pixels to one vector per image. Uses only Keras's layers.

    Args:
        weights: ``"imagenet"``, ``"random"`` or the path of an ``.h5`` file; or the result of
            `load_weights`.
        image_size: images are resized to this square, bilinearly; at least `MINIMUM_SIZE`.
        layers: names from `layer_names`; their outputs are joined in this order.
        pooling: how each layer's output becomes a vector.
        seed: for random weights.
        image_shape: (height, width, 3) of the images, if known.
        precision: compute precision of the convolutions; pooling and weights are always float32.
        boundary: a layer whose whole flattened output follows the vectors, for a network that
            continues from there; `layers` may then be empty.

    Returns:
        A model that maps (n, height, width, 3) RGB pixels in 0..255, uint8 or float, to (n, d):
        float32, or float16 with a boundary, which makes d large. Its layers are not trainable and
        have the same names in every process.

    Raises:
        StudyError: for unknown layers, a size that is too small, or unusable weights.
    """
    load_keras()
    read = (*layers, boundary) if boundary else tuple(layers)
    check_layers(read)
    if image_size < MINIMUM_SIZE:
        raise StudyError(f"image_size: found {image_size}; expected at least {MINIMUM_SIZE}")
    values = load_weights(weights, seed, read) if isinstance(weights, str) else weights
    import keras

    pixels = keras.Input(image_shape, name="pixels")
    outputs = vgg16_layers(vgg16_pixels(pixels, image_size), up_to_deepest(read), precision)
    vectors = vgg16_vectors(outputs, layers, pooling)
    if boundary:
        flat = keras.layers.Flatten(dtype="float32", name=f"{boundary}_map")
        vectors = [*vectors, flat(outputs[boundary])]
    joined = join(vectors)
    base = keras.Model(pixels, _as_float16(joined) if boundary else joined, name="vgg16_base")
    set_weights(base, values)
    base.trainable = False
    return base


def vgg16_pixels(pixels: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
    """Turn (n, height, width, 3) RGB pixels in 0..255 into what the published weights expect.

    This does the same as `keras.applications.vgg16.preprocess_input`, but does not write into its
    input. ImageNet's means are subtracted. Pixels stay in RGB order; `set_weights` reverses the
    input channels of the first kernel, which was trained on BGR. Means are subtracted before the
    resizing, not folded into a bias, so that padding stays zero.
    """
    import keras

    means = keras.layers.Normalization(
        mean=MEANS, variance=(1, 1, 1), dtype="float32", name="imagenet_means"
    )
    sides = tuple(pixels.shape[1:3])
    if sides == (image_size, image_size):
        return means(pixels)
    known = [side for side in sides if side is not None]
    # Antialiasing changes only images that become smaller.
    resize = keras.layers.Resizing(
        image_size,
        image_size,
        interpolation="bilinear",
        antialias=max(known, default=0) > image_size,
        dtype="float32",
        name="resize",
    )
    # Without `training=False`, Keras would run this layer and all later ones in training mode, and
    # dropout would be active in inference.
    return resize(means(pixels), training=False)


def vgg16_layers(
    x: keras.KerasTensor,
    names: Sequence[str],
    precision: ComputePrecision,
    trained: Collection[str] = (),
    penalty: Any = None,
) -> dict[str, keras.KerasTensor]:
    """Build consecutive layers on `x`; return the output of each by name.

    Args:
        x: (n, height, width, channels): the output of `vgg16_pixels` or of an earlier layer.
        names: of the layers: a part of `layer_names` without gaps.
        precision: compute precision of the layers.
        trained: the layers that are trained; the others are frozen.
        penalty: a regularizer for the trained kernels.
    """
    import keras

    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    outputs = {}
    for name in names:
        if name.endswith("pool"):
            x = keras.layers.MaxPooling2D(2, strides=2, dtype=policy, name=name)(x)
        else:
            trainable = name in trained
            x = keras.layers.Conv2D(
                output_shape(name, MINIMUM_SIZE)[-1],
                3,
                padding="same",
                activation="relu",
                kernel_regularizer=penalty if trainable else None,
                trainable=trainable,
                dtype=policy,
                name=name,
            )(x)
        outputs[name] = x
    return outputs


def vgg16_vectors(
    outputs: Mapping[str, keras.KerasTensor], layers: Sequence[str], pooling: Pooling
) -> list[keras.KerasTensor]:
    """Turn the output of each of `layers` into vectors: (n, channels) or (n, h·w·channels)."""
    import keras

    kind = {
        "average": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
        "flatten": keras.layers.Flatten,
    }[pooling]
    return [kind(dtype="float32", name=f"{name}_{pooling}")(outputs[name]) for name in layers]


def join(vectors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Concatenate vectors in order; a single one is returned unchanged."""
    import keras

    if len(vectors) == 1:
        return vectors[0]
    return keras.layers.Concatenate(dtype="float32", name="features")(list(vectors))


def set_weights(model: keras.Model, values: Weights) -> None:
    """Set the weights of each convolution of `model` from `values`, which are in BGR order."""
    for layer in model.layers:
        if layer.name in values:
            kernel, bias = values[layer.name]
            first = layer.name == "block1_conv1"
            layer.set_weights([kernel[:, :, ::-1] if first else kernel, bias])


def _as_float16(features: keras.KerasTensor) -> keras.KerasTensor:
    """Convert to float16, which halves the cache; in the model, so that predictions agree."""
    import keras

    clip = keras.layers.ReLU(max_value=FLOAT16_MAX, dtype="float32", name="float16_range")
    return keras.layers.Identity(dtype="float16", name="float16")(clip(features))
