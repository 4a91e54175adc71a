"""The convolutions of VGG16, for networks and feature extractors alike.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
2015), table 1, column D, without its three fully connected layers: 14,714,688 numbers. Departures
from the paper: images are resized to a square without a crop, and the layers behind the deepest one
that is read are not built.

Weights are what `pipeline.pretrained.weights` reads. Keras is imported where it is used: parsing
options and checking a weights file must stay cheap.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from pipeline.checks import StudyError
from pipeline.config.registry import MethodSpec
from pipeline.keras_backend import check_backend
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
"""Mean red, green and blue of ImageNet's training pixels, which the network saw subtracted."""
MINIMUM_SIZE = 32
"""Five halvings leave one position of 32 pixels."""
FLOAT16_MAX = 65504.0
"""The largest float16; ImageNet's weights stay below a quarter of it on photographs."""

Pooling = Literal["average", "max", "flatten"]
Precision = Literal["float32", "bfloat16"]
"""What an extractor's convolutions compute in."""
ComputePrecision = Literal["float32", "bfloat16", "float16"]
"""What a network's convolutions compute in."""


class BaseOptions(MethodSpec):
    """The options of the frozen base: what a network and an extractor on it have in common."""

    weights: str = Field(default="imagenet", min_length=1)
    """imagenet (a download of 59 MB), random (an untrained control), or the path of an .h5 file."""
    image_size: int = Field(default=64, ge=MINIMUM_SIZE, le=512)
    """Images are resized to this square inside the model; the cost grows with its area."""
    layers: tuple[str, ...] = ("block3_pool", "block4_pool", "block5_pool")
    """Layers whose outputs are read, such as block4_pool, block5_conv3."""
    pooling: Pooling = "average"
    """What makes a vector of each layer's output: average, max, or flatten (keeps positions)."""

    @field_validator("layers")
    @classmethod
    def _known(cls, layers: tuple[str, ...]) -> tuple[str, ...]:
        check_layers(layers)
        return layers

    def check_files(self) -> None:
        """Look into a local weights file, or whether the download can be had; no Keras."""
        if self.weights == "imagenet":
            check_imagenet_weights()
        elif self.weights != "random":
            check_weights_file(Path(self.weights))


def block_of(name: str) -> int:
    """Return the number of the block, from 1, that the layer `name` is in."""
    return int(name.removeprefix("block").split("_")[0])


def output_shape(name: str, image_size: int) -> tuple[int, int, int]:
    """Return (height, width, channels) of what the layer `name` gives of square images."""
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
    """Build the frozen base, from pixels to one vector an image. Stock layers only.

    Args:
        weights: ``"imagenet"``, ``"random"`` or the path of an ``.h5`` file; or what `load_weights`
            returned.
        image_size: images are resized to this square, bilinearly; at least `MINIMUM_SIZE`.
        layers: names out of `layer_names`; their outputs are joined in this order.
        pooling: what makes a vector of each layer's output.
        seed: of random weights.
        image_shape: (height, width, 3) of the images, where it is known.
        precision: what the convolutions compute in; sums and weights are float32 anyway.
        boundary: a layer whose whole output, flattened, follows the vectors, for a network that
            goes on from there; `layers` may then be empty.

    Returns:
        A model from (n, height, width, 3) RGB pixels in 0..255, uint8 or float, to (n, d): float32,
        or float16 where a boundary makes d large. Its layers are not trainable and have the same
        names in every process.

    Raises:
        StudyError: for unknown layers, a size that is too small, or weights that cannot be used.
    """
    check_backend()
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

    They are what `keras.applications.vgg16.preprocess_input` makes, without its writing into the
    input: ImageNet's means are subtracted, and the order RGB is met by turning round the inputs of
    the first kernel, which was trained on BGR (see `set_weights`). Means are subtracted before the
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
    # Only where pixels are dropped does smoothing first change anything.
    resize = keras.layers.Resizing(
        image_size,
        image_size,
        interpolation="bilinear",
        antialias=max(known, default=0) > image_size,
        dtype="float32",
        name="resize",
    )
    # Keras takes a resizing that is called without `training` for one in training, and so all that
    # follows it: dropout would drop in inference.
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
        x: (n, height, width, channels): what `vgg16_pixels` gives, or a deeper layer's output.
        names: of the layers, a part of `layer_names` without gaps.
        precision: what they compute in.
        trained: those of them that are trained; the others are frozen.
        penalty: a regularizer of the trained kernels.
    """
    import keras

    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    outputs = {}
    for name in names:
        if name.endswith("pool"):
            x = keras.layers.MaxPooling2D(2, strides=2, dtype=policy, name=name)(x)
        else:
            learns = name in trained
            x = keras.layers.Conv2D(
                output_shape(name, MINIMUM_SIZE)[-1],
                3,
                padding="same",
                activation="relu",
                kernel_regularizer=penalty if learns else None,
                trainable=learns,
                dtype=policy,
                name=name,
            )(x)
        outputs[name] = x
    return outputs


def vgg16_vectors(
    outputs: Mapping[str, keras.KerasTensor], layers: Sequence[str], pooling: Pooling
) -> list[keras.KerasTensor]:
    """Make a vector of the output of each of `layers`: (n, channels), or (n, h·w·channels)."""
    import keras

    kind = {
        "average": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
        "flatten": keras.layers.Flatten,
    }[pooling]
    return [kind(dtype="float32", name=f"{name}_{pooling}")(outputs[name]) for name in layers]


def join(vectors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Join vectors in their order; a single one stays as it is."""
    import keras

    if len(vectors) == 1:
        return vectors[0]
    return keras.layers.Concatenate(dtype="float32", name="features")(list(vectors))


def set_weights(model: keras.Model, values: Weights) -> None:
    """Give each convolution of `model` its weights out of `values`, which lie in BGR order."""
    for layer in model.layers:
        if layer.name in values:
            kernel, bias = values[layer.name]
            first = layer.name == "block1_conv1"
            layer.set_weights([kernel[:, :, ::-1] if first else kernel, bias])


def _as_float16(features: keras.KerasTensor) -> keras.KerasTensor:
    """Halve what is kept of each image; the model itself rounds, so that it predicts the same."""
    import keras

    clip = keras.layers.ReLU(max_value=FLOAT16_MAX, dtype="float32", name="float16_range")
    return keras.layers.Identity(dtype="float16", name="float16")(clip(features))
