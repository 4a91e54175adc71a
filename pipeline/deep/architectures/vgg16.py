"""VGG16, trained from scratch.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
2015), table 1, column D: thirteen convolutions of 3×3 pixels in five blocks, and dense layers.

``head: original`` has the two dense layers of 4,096 of the paper: on 224×224×3 pixels with 1,000
classes and ``batch_norm: false``, 138,357,544 parameters, of which the convolutions, which are the
same with either head, have 14,714,688. ``head: small`` is what CIFAR-10 usually gets: the average
of the last maps, and one dense layer of 512.

Departures from the paper:

* Batch normalisation by default, between each convolution and its activation; the convolutions then
  have no biases. The dense layers have dropout instead.
* Kernels start from He et al. (2015), which was written for such networks, instead of from the
  layers of a shallower one that was trained before (section 3.1).
* Images come in their own size, are standardised on the training split, and have as many channels
  as they come with; no rescaling of ImageNet's kind.

The default recipe has the paper's momentum of 0.9 and weight decay of 5e-4 (section 3.1), but a
rate of 0.05 after an epoch of warm-up, which normalisation allows (without it, 0.01), a cosine, 30
epochs and batches of 128, for the sake of time. Images are mirrored and moved as CIFAR-10 wants it;
digits and letters want ``flip: false``. Adam wants a rate of about 1e-3. At full width the network
takes 313 million multiplications an image of 32 pixels: a processor wants a width of 0.25 to 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pipeline.deep.layers import conv, hidden, output_layer
from pipeline.deep.options import (
    Dropout,
    Epochs,
    LearningRate,
    Optimizer,
    Penalty,
    Pixels,
    Schedule,
    WarmupEpochs,
)
from pipeline.deep.spec import DeepSpec

if TYPE_CHECKING:
    import keras


class Spec(DeepSpec):
    """VGG16, the deep stack of 3×3 convolutions of 2015, trained from scratch."""

    minimum_size: ClassVar[int] = 32
    """Five poolings halve the side, and the last one needs two pixels."""

    head: Literal["original", "small"] = "small"
    """original: two dense layers of 4,096; small: average of the maps, one dense layer of 512."""
    batch_norm: bool = True
    """Batch normalisation between each convolution and its activation; never in dense layers."""
    dropout: Dropout = 0.5
    """Share of the outputs of each hidden dense layer that are dropped in training."""
    epochs: Epochs = 30
    """The most passes over the training images."""
    optimizer: Optimizer = "momentum"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.05
    """The optimizer's largest step size; the schedule lowers it."""
    weight_decay: Penalty = 5e-4
    """Shrinks kernels, never biases or normalisations: as λ·w in the gradient, as the papers have
    it, or, with adamw, apart from the gradient."""
    schedule: Schedule = "cosine"
    """Of the learning rate: constant, time_decay, step, cosine or plateau."""
    warmup: WarmupEpochs = 1.0
    """Epochs in which the learning rate rises linearly from nearly 0, before any schedule."""
    flip: bool = True
    """Mirror each image left to right, with probability one half."""
    crop: Pixels = 4
    """Pad with zeros by so many pixels on each side, and cut the old size out anywhere."""

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"block5_conv3_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; the shapes beside it are those of 32×32 pixels, then of 224×224."""
        from keras import Input, Model

        image = Input(input_shape, name="image")  # 32 × 32 × channels, 224 × 224 × channels
        x = self._block(image, "block1", filters=64, convolutions=2)  # 16 × 16 × 64, 112 × 112 × 64
        x = self._block(x, "block2", filters=128, convolutions=2)  # 8 × 8 × 128, 56 × 56 × 128
        x = self._block(x, "block3", filters=256, convolutions=3)  # 4 × 4 × 256, 28 × 28 × 256
        x = self._block(x, "block4", filters=512, convolutions=3)  # 2 × 2 × 512, 14 × 14 × 512
        x = self._block(x, "block5", filters=512, convolutions=3)  # 1 × 1 × 512, 7 × 7 × 512
        x = self._original_head(x) if self.head == "original" else self._small_head(x)
        return Model(image, output_layer(n_outputs, self)(x), name="vgg16")  # n_outputs

    def _block(
        self, x: keras.KerasTensor, name: str, filters: int, convolutions: int
    ) -> keras.KerasTensor:
        """Add some convolutions of 3×3 pixels and the pooling that halves the side."""
        from keras.layers import MaxPooling2D

        for number in range(1, convolutions + 1):
            x = conv(x, self, self.scaled(filters), 3, f"{name}_conv{number}")
        return MaxPooling2D(2, name=f"{name}_pool")(x)

    def _original_head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        from keras.layers import Flatten

        x = Flatten(name="flatten")(x)  # 512, 25,088
        x = hidden(x, self, 4096, "fc1")  # 4,096
        return hidden(x, self, 4096, "fc2")  # 4,096

    def _small_head(self, x: keras.KerasTensor) -> keras.KerasTensor:
        from keras.layers import GlobalAveragePooling2D

        x = GlobalAveragePooling2D(name="average")(x)  # 512
        return hidden(x, self, 512, "fc1")  # 512
