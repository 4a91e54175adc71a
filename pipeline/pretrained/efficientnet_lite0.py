"""EfficientNet-Lite0 without its classifier: a small base that is installed with this project.

See `pipeline.pretrained.efficientnet_structure` for the sources. With ImageNet's 1,000 classes the
network has 4,652,008 parameters. Departures:

* Batch normalizations are folded into the convolutions before them, which then have a bias. In
  inference the network computes the same, up to rounding, and takes less time. A block that is
  trained keeps the statistics of ImageNet, as the guide "Transfer learning and fine-tuning" of
  Keras recommends, and trains the folded kernels and biases. (In Keras 3.15, a normalization that
  is called with `training=False` is nevertheless in training mode during `fit`.)
* Images are resized to a square, bilinearly and without a crop; the published evaluation crops.
* Blocks after the deepest one in use are not built.

Padding is TensorFlow's, as in the training of the published weights: with a stride of 2 and an even
size, zeros are added at the bottom and on the right alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.checks import check_known
from pipeline.pretrained.base import Base, ComputePrecision, Weights, policy_of, resized
from pipeline.pretrained.efficientnet_structure import Convolution, blocks, convolutions
from pipeline.pretrained.efficientnet_weights import (
    FILE,
    SHA256,
    check_imagenet_weights,
    imagenet_weights,
    random_weights,
)

if TYPE_CHECKING:
    import keras


class Network(Base):
    """EfficientNet-Lite0: nine blocks, ``stem``, ``block1`` to ``block7`` and ``head``.

    A layer is an inverted residual layer: its output is that of ``block2a_project`` or, where its
    input is added, of ``block2b_add``. The outputs of ``stem`` and ``head`` are in 0..6, those of
    the other layers may be negative. All are float32.
    """

    title = "EfficientNet-Lite0"
    blocks = tuple(tuple(dict.fromkeys(each.end for each in block)) for block in blocks())
    default_layers = ("block5c_add", "block6d_add", "head")
    """A linear classifier on them was better than on ``head`` alone: on 4,000 images of CIFAR-10 by
    4 points at 64 pixels and by 2 at 96; on photographs of 160 and 224 pixels there was no
    difference beyond chance. Small images leave few positions in the deepest layers."""

    def output_shape(self, layer: str, image_size: int) -> tuple[int, int, int]:
        """Return the output shape (height, width, channels) of a layer."""
        side, filters = image_size, 3
        for each in self._up_to([layer]):
            side, filters = -(-side // each.stride), each.filters
        return side, side, filters

    def preprocessed(self, pixels: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
        """Turn RGB pixels in 0..255 into (x − 127)/128, in −0.9921875..1, resized; float32."""
        import keras

        scale = keras.layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name="lite0_pixels")
        return resized(scale(pixels), image_size)

    def build(
        self,
        x: keras.KerasTensor,
        names: Sequence[str],
        precision: ComputePrecision,
        trained: Collection[str] = (),
        penalty: Any = None,
    ) -> dict[str, keras.KerasTensor]:
        """Build consecutive layers on `x`; return the output of each by name."""
        import keras

        policy = policy_of(precision)
        outputs: dict[str, keras.KerasTensor] = {}
        for name in names:
            start = x
            for each in convolutions():
                if each.end == name:
                    x = _convolution(each, policy, name in trained, penalty)(x)
            if name.endswith("_add"):
                x = keras.layers.Add(dtype=policy, name=name)([start, x])
            outputs[name] = x
        return outputs

    def load_weights(self, source: str, seed: int, layers: Sequence[str]) -> Weights:
        """Read or draw the weights of all layers up to the deepest of `layers`."""
        self.check_layers(layers)
        _check_source(source)
        wanted = self._up_to(layers)
        return random_weights(seed, wanted) if source == "random" else imagenet_weights(wanted)

    def check_weights(self, source: str) -> None:
        """Raise `StudyError` if `load_weights` could not read `source`."""
        _check_source(source)
        if source == "imagenet":
            check_imagenet_weights()

    def record(self, source: str) -> dict[str, Any]:
        """Return the card's record: ``weights``, ``weights_file`` and ``weights_sha256``."""
        self.check_weights(source)
        file, sha256 = (None, None) if source == "random" else (FILE.split("/")[-1], SHA256)
        return {"weights": source, "weights_file": file, "weights_sha256": sha256}

    def multiply_adds(self, layers: Sequence[str], image_size: int) -> int:
        """Count the products of kernels and inputs up to the deepest of `layers`."""
        total, side = 0, image_size
        for each in self._up_to(layers):
            side = -(-side // each.stride)
            height, width, inputs, filters = each.kernel_shape
            total += side * side * height * width * inputs * filters
        return total

    def map_layer(self, layers: Sequence[str]) -> str:
        """Return the deepest layer in use."""
        return self.up_to_deepest(layers)[-1]

    def _up_to(self, layers: Sequence[str]) -> tuple[Convolution, ...]:
        names = self.up_to_deepest(layers)
        return tuple(each for each in convolutions() if each.end in names)


def _convolution(each: Convolution, policy: str, trained: bool, penalty: Any) -> keras.Layer:
    from keras import layers

    options: dict[str, Any] = {
        "kernel_size": each.kernel,
        "strides": each.stride,
        "padding": "same",
        "activation": "relu6" if each.relu6 else None,
        "trainable": trained,
        "dtype": policy,
        "name": each.name,
    }
    if each.depthwise:
        return layers.DepthwiseConv2D(depthwise_regularizer=penalty if trained else None, **options)
    kernel_penalty = penalty if trained else None
    return layers.Conv2D(each.filters, kernel_regularizer=kernel_penalty, **options)


def _check_source(source: str) -> None:
    check_known(source, ("imagenet", "random"), "weights of EfficientNet-Lite0")
