"""VGG16, trained from scratch.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
2015), table 1, column D: thirteen 3×3 convolutions in five blocks, and dense layers.

``head: original`` has the paper's two dense layers of 4,096. On 224×224×3 pixels with 1,000 classes
and ``batch_norm: false``, this gives 138,357,544 parameters, of which 14,714,688 belong to the
convolutions, which are the same with either head. ``head: small`` is common for CIFAR-10: the
average of the last maps, and one dense layer of 512.

Departures from the paper:

* Batch normalization by default, between each convolution and its activation; the convolutions then
  have no biases. The dense layers have dropout instead.
* Kernels are initialized as in He et al. (2015), which was written for such networks, and not with
  the layers of a shallower trained network (section 3.1).
* Images keep their size and their number of channels, and are standardized on the training split;
  they are not rescaled as for ImageNet.

The default recipe has the paper's momentum of 0.9 and weight decay of 5e-4 (section 3.1), but a
rate of 0.05 after one epoch of warm-up, which normalization allows (without it, use 0.01), a cosine
schedule, 30 epochs and batches of 128, to save time. Images are flipped and shifted as usual for
CIFAR-10; digits and letters need ``flip: false``. For Adam, use a rate of about 1e-3. At full width
the network takes 313 million multiplications per image of 32 pixels; on a CPU, use a width of 0.25
to 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pipeline.deep.layers import conv, hidden, output_layer
from pipeline.deep.options import (
    Dropout,
    Epochs,
    Flip,
    LearningRate,
    Optimizer,
    Penalty,
    Pixels,
    Schedule,
    WarmupEpochs,
)
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras


class Spec(DeepSpec):
    """VGG16, a deep stack of 3×3 convolutions (2015), trained from scratch."""

    minimum_size: ClassVar[int] = 32
    """Five poolings halve the side, and the last one needs two pixels."""

    head: Literal["original", "small"] = "small"
    """original: two dense layers of 4,096; small: average of the maps, one dense layer of 512."""
    batch_norm: bool = True
    """Batch normalization between each convolution and its activation; never in dense layers."""
    dropout: Dropout = 0.5
    """Fraction of the outputs of each hidden dense layer dropped during training."""
    epochs: Epochs = 30
    """Maximum number of passes over the training images."""
    optimizer: Optimizer = "momentum"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.05
    """Peak learning rate; the schedule lowers it."""
    weight_decay: Penalty = 5e-4
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, as in the
    papers, or, with adamw, separately from the gradient."""
    schedule: Schedule = "cosine"
    """Learning rate schedule: constant, time_decay, step, linear, cosine or plateau."""
    warmup: WarmupEpochs = 1.0
    """Epochs in which the learning rate rises linearly from nearly 0, before the schedule."""
    flip: Flip = True
    """Flip images horizontally: true, at random; alternating, each in every other epoch."""
    crop: Pixels = 4
    """Pad each side with this many pixels (`border`), then crop to the original size at random."""

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"block5_conv3_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give the shapes for 32×32 and then for 224×224 pixels."""
        from keras import Input, Model

        image = Input(input_shape, name="image")  # 32 × 32 × channels, 224 × 224 × channels
        x = whitened(image, self)
        x = self._block(x, "block1", filters=64, convolutions=2)  # 16 × 16 × 64, 112 × 112 × 64
        x = self._block(x, "block2", filters=128, convolutions=2)  # 8 × 8 × 128, 56 × 56 × 128
        x = self._block(x, "block3", filters=256, convolutions=3)  # 4 × 4 × 256, 28 × 28 × 256
        x = self._block(x, "block4", filters=512, convolutions=3)  # 2 × 2 × 512, 14 × 14 × 512
        x = self._block(x, "block5", filters=512, convolutions=3)  # 1 × 1 × 512, 7 × 7 × 512
        x = self._original_head(x) if self.head == "original" else self._small_head(x)
        return Model(image, output_layer(n_outputs, self)(x), name="vgg16")  # n_outputs

    def _block(
        self, x: keras.KerasTensor, name: str, filters: int, convolutions: int
    ) -> keras.KerasTensor:
        """Add 3×3 convolutions and a pooling layer that halves the side."""
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
