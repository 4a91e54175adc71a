"""AlexNet, in its original form for ImageNet photographs and in a form for small images.

Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks"
(NIPS 2012), section 3 and figure 2.

``form: original`` is the network of figure 2 on 227×227 pixels. With batch normalization and ten
classes it has 58,327,818 parameters, of which 58,325,066 are trained. ``form: small`` is meant for
32 pixels, for which a stride of 4 is too coarse: the five convolutions keep their numbers of
filters, the first one has 5×5 pixels and a stride of 1, and 1,024 units replace 4,096.

Departures from the paper:

* Batch normalization, between each of the five convolutions and its activation, replaces local
  response normalization; with ``batch_norm: false`` there is neither (Simonyan and Zisserman,
  2015, section 4.1, found that the latter does not help). In the original form the convolutions
  still have biases. The dense layers have dropout instead.
* One tower instead of two on two GPUs: conv2, conv4 and conv5 read all maps.
* 227 pixels, not the 224 of the text, which does not give the 55×55 positions of figure 2.
* Kernels start as in He et al. (2015), not with a deviation of 0.01; biases start at 0, not 1.
* Images keep their number of channels and are standardized on the training split, where the paper
  only subtracts the mean; the shift along the principal components of colors is left out.

The default recipe is the paper's (section 5: momentum 0.9, weight decay 5e-4, batches of 128, rate
0.01), except that it uses a cosine schedule and 30 epochs instead of 90, both to save time. Images
are flipped and shifted as usual for CIFAR-10; digits and letters need ``flip: false``. For Adam,
use a rate of about 1e-3. The small form takes 300 million multiplications per image at full width;
on a CPU, use a width of 0.5 or less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.checks import StudyError
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
)
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras

SIZES = {"original": 227, "small": 32}
"""The side of the images that each form is meant for."""
SMALLEST = {"original": 67, "small": 15}
"""The side that leaves one position after the last pooling."""


class Spec(DeepSpec):
    """AlexNet, which won the ImageNet challenge of 2012: the original, and one for small images."""

    enlarges: ClassVar[bool] = True

    form: Literal["original", "small"] = "small"
    """original: the paper's, for 227 pixels; small: a stem with stride 1, for 32 pixels."""
    image_size: int | None = Field(default=None, ge=1, le=512)
    """Resize images to this square, such as 227; null keeps their size. Areas of larger images are
    averaged; smaller images are enlarged inside the network."""
    batch_norm: bool = True
    """Batch normalization between each convolution and its activation; never in dense layers."""
    dropout: Dropout = 0.5
    """Fraction of the outputs of the two hidden dense layers dropped during training."""
    epochs: Epochs = 30
    """Maximum number of passes over the training images."""
    optimizer: Optimizer = "momentum"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.01
    """Peak learning rate; the schedule lowers it."""
    weight_decay: Penalty = 5e-4
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, as in the
    papers, or, with adamw, separately from the gradient."""
    schedule: Schedule = "cosine"
    """Learning rate schedule: constant, time_decay, step, linear, cosine or plateau."""
    flip: Flip = True
    """Flip images horizontally: true, at random; alternating, each in every other epoch."""
    crop: Pixels = 4
    """Pad each side with this many pixels (`border`), then crop to the original size at random."""

    @model_validator(mode="after")
    def _large_enough(self) -> Self:
        if self.image_size is not None and self.image_size < SMALLEST[self.form]:
            raise ValueError(
                f"found image_size: {self.image_size} with form: {self.form}; expected at least "
                f"{SMALLEST[self.form]}, ideally {SIZES[self.form]}"
            )
        return self

    def smallest_side(self) -> int:
        """Return the side that leaves one position after the last pooling; 1 with resizing."""
        return SMALLEST[self.form] if self.image_size is None else 1

    def check_size(self, image_shape: tuple[int, ...]) -> None:
        """Raise `StudyError` if images of (height, width, channels) are too small for the form."""
        height, width = image_shape[:2]
        if min(height, width) < self.smallest_side():
            other = ", or form: small" if self.form == "original" else ""
            raise StudyError(
                f"{self.method}: found images of {height}×{width} pixels; expected at least "
                f"{self.smallest_side()}×{self.smallest_side()} with form: {self.form}. "
                f"Set image_size: {SIZES[self.form]}{other}, or drop this run"
            )

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"conv5_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network of `form`, preceded by a resizing layer if `image_size` is set."""
        from keras import Input, Model

        image = Input(input_shape, name="image")
        x = whitened(self._resized(image), self)
        x = self._original(x) if self.form == "original" else self._small(x)
        return Model(image, output_layer(n_outputs, self)(x), name="alexnet")  # n_outputs

    def _original(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add the hidden layers; comments give the shapes for 227 × 227 pixels at width 1."""
        from keras.layers import Flatten, MaxPooling2D

        filters = self.scaled
        x = conv(x, self, filters(96), 11, "conv1", strides=4, padding="valid", use_bias=True)
        x = MaxPooling2D(3, 2, name="pool1")(x)  # 55 × 55 × 96 before, 27 × 27 × 96 here
        x = conv(x, self, filters(256), 5, "conv2", use_bias=True)  # 27 × 27 × 256
        x = MaxPooling2D(3, 2, name="pool2")(x)  # 13 × 13 × 256
        x = conv(x, self, filters(384), 3, "conv3", use_bias=True)  # 13 × 13 × 384
        x = conv(x, self, filters(384), 3, "conv4", use_bias=True)  # 13 × 13 × 384
        x = conv(x, self, filters(256), 3, "conv5", use_bias=True)  # 13 × 13 × 256
        x = MaxPooling2D(3, 2, name="pool5")(x)  # 6 × 6 × 256
        x = Flatten(name="flatten")(x)  # 9,216
        x = hidden(x, self, 4096, "fc6")  # 4,096
        return hidden(x, self, 4096, "fc7")  # 4,096

    def _small(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add the hidden layers; comments give the shapes for 32 × 32 pixels at width 1."""
        from keras.layers import Flatten, MaxPooling2D

        filters = self.scaled
        x = conv(x, self, filters(96), 5, "conv1")  # 32 × 32 × 96
        x = MaxPooling2D(3, 2, name="pool1")(x)  # 15 × 15 × 96
        x = conv(x, self, filters(256), 5, "conv2")  # 15 × 15 × 256
        x = MaxPooling2D(3, 2, name="pool2")(x)  # 7 × 7 × 256
        x = conv(x, self, filters(384), 3, "conv3")  # 7 × 7 × 384
        x = conv(x, self, filters(384), 3, "conv4")  # 7 × 7 × 384
        x = conv(x, self, filters(256), 3, "conv5")  # 7 × 7 × 256
        x = MaxPooling2D(3, 2, name="pool5")(x)  # 3 × 3 × 256
        x = Flatten(name="flatten")(x)  # 2,304
        x = hidden(x, self, 1024, "fc6")  # 1,024
        return hidden(x, self, 1024, "fc7")  # 1,024

    def _resized(self, image: keras.KerasTensor) -> keras.KerasTensor:
        from keras.layers import Resizing

        height, width = image.shape[1:3]
        if self.image_size is None or height == width == self.image_size:
            return image
        # Antialiasing changes only images that become smaller.
        smaller = max(height, width) > self.image_size
        resize = Resizing(self.image_size, self.image_size, antialias=smaller, name="resize")
        # Its default, True, would put the following layers into training mode in `model(x)`.
        return resize(image, training=False)
