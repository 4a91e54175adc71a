"""The convolutions of VGG16, as a base.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
2015), table 1, column D, without its three fully connected layers: 14,714,688 parameters.
Departures from the paper: images are resized to a square without a crop, and layers after the
deepest one in use are not built.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.pretrained.base import Base, ComputePrecision, Weights, policy_of, resized
from pipeline.pretrained.weights import (
    BLOCKS,
    check_imagenet_weights,
    check_weights_file,
    kernel_shapes,
    layers_of_block,
    load_weights,
    weights_record,
)

if TYPE_CHECKING:
    import keras

MEANS = (123.68, 116.779, 103.939)
"""Mean red, green and blue of ImageNet's training pixels, subtracted from the network's inputs."""


class Network(Base):
    """VGG16; its layers are the 13 convolutions, each with its ReLU, and the 5 poolings."""

    title = "VGG16"
    blocks = tuple(layers_of_block(block) for block, _, _ in BLOCKS)
    default_layers = ("block3_pool", "block4_pool", "block5_pool")
    """Earlier layers too, because small images leave only a few positions in the deepest ones."""

    def output_shape(self, layer: str, image_size: int) -> tuple[int, int, int]:
        """Return the output shape; a pooling halves the side, rounding down."""
        block = self.block_of(layer)
        side = image_size >> (block if layer.endswith("pool") else block - 1)
        return side, side, BLOCKS[block - 1][2]

    def preprocessed(self, pixels: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
        """Subtract ImageNet's means, then resize.

        This does the same as `keras.applications.vgg16.preprocess_input`, but does not write into
        its input. Pixels stay in RGB order; `load_weights` reverses the input channels of the first
        kernel, which was trained on BGR. Means are subtracted before the resizing, not folded into
        a bias, so that padding stays zero.
        """
        import keras

        means = keras.layers.Normalization(
            mean=MEANS, variance=(1, 1, 1), dtype="float32", name="imagenet_means"
        )
        return resized(means(pixels), image_size)

    def build(
        self,
        x: keras.KerasTensor,
        names: Sequence[str],
        precision: ComputePrecision,
        trained: Collection[str] = (),
        penalty: Any = None,
    ) -> dict[str, keras.KerasTensor]:
        """Build consecutive convolutions and poolings; there are no batch normalizations."""
        import keras

        policy, outputs = policy_of(precision), {}
        for name in names:
            if name.endswith("pool"):
                x = keras.layers.MaxPooling2D(2, strides=2, dtype=policy, name=name)(x)
            else:
                x = keras.layers.Conv2D(
                    BLOCKS[self.block_of(name) - 1][2],
                    3,
                    padding="same",
                    activation="relu",
                    kernel_regularizer=penalty if name in trained else None,
                    trainable=name in trained,
                    dtype=policy,
                    name=name,
                )(x)
            outputs[name] = x
        return outputs

    def load_weights(self, source: str, seed: int, layers: Sequence[str]) -> Weights:
        """Read, download or draw the kernels and biases; ``source`` may be an ``.h5`` file."""
        values: Weights = dict(load_weights(source, seed, self.up_to_deepest(layers)))
        kernel, bias = values["block1_conv1"]
        return values | {"block1_conv1": (kernel[:, :, ::-1], bias)}

    def check_weights(self, source: str) -> None:
        """Check a local weights file, or whether the download is available."""
        if source == "imagenet":
            check_imagenet_weights()
        elif source != "random":
            check_weights_file(Path(source))

    def record(self, source: str) -> dict[str, Any]:
        """Return the name and checksum of the weights file."""
        return weights_record(source)

    def multiply_adds(self, layers: Sequence[str], image_size: int) -> int:
        """Count height · width · size of the kernel for each convolution."""
        total, kernels = 0, kernel_shapes()
        for name in self.up_to_deepest(layers):
            if name in kernels:
                height, width, filters = self.output_shape(name, image_size)
                total += height * width * filters * 9 * kernels[name][2]
        return total

    def map_layer(self, layers: Sequence[str]) -> str:
        """Return the deepest convolution, with its activation."""
        return [name for name in self.up_to_deepest(layers) if "conv" in name][-1]
