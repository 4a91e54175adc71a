"""Residual networks for small images, and plain networks with the same layers.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (CVPR 2016; arXiv
1512.03385), section 4.2, the table on page 7: 6n+2 layers, of which 2n read 32×32, 2n 16×16 and 2n
8×8 positions. With ten classes, and with parameter-free shortcuts or ``residual: false``,
20, 32, 44, 56 and 110 layers have 269,722, 464,154, 658,586, 853,018 and 1,727,962 parameters.

Departures from the paper:

* Pixels are standardized by channel; the paper subtracts the mean image.
* The default recipe is ``nesterov`` with weight decay 5e-4 and a cosine; the paper's is
  ``momentum``, 1e-4, and ``step`` at 1/2 and 3/4 of 64,000 steps of 128 images. For 110 layers the
  paper starts at a lower rate until the error is below 80%; ``warmup: 1`` has the same purpose.
* Dropout, if used, is in front of the output layer; the paper has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from pipeline.deep.layers import activation, conv, dropout, output_layer
from pipeline.deep.options import Flip, LearningRate, Optimizer, Penalty, Pixels, Schedule
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras


class Spec(DeepSpec):
    """ResNet for small images (2016), or the corresponding plain network (`residual: false`)."""

    depth: Literal[8, 14, 20, 32, 44, 56, 110] = 20
    """Number of layers with weights, 6n+2; 8 and 14 are shallower than any in the paper."""
    residual: bool = True
    """Whether every two layers have a shortcut around them; false gives the plain network."""
    shortcut: Literal["identity", "projection"] = "identity"
    """Shortcuts where maps become smaller and more numerous: identity, without parameters (the
    paper's option A: every other position, and channels of zeros), or projection, a 1×1 convolution
    (option B)."""
    activation: Literal["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu"] = "relu"
    """Activation after each convolution and each addition; maxout is not supported."""
    batch_norm: bool = True
    """Batch normalization after each convolution, as in the paper."""
    optimizer: Optimizer = "nesterov"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.1
    """Peak learning rate; the schedule lowers it. For adam and adamw, try 1e-3."""
    weight_decay: Penalty = 5e-4
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, or, with
    adamw, separately from it."""
    schedule: Schedule = "cosine"
    """Learning rate schedule: constant, time_decay, step, linear, cosine or plateau."""
    flip: Flip = True
    """Flip images horizontally: true, at random; alternating, each in every other epoch."""
    crop: Pixels = 4
    """Pad each side with this many pixels (`border`), then crop to the original size at random."""

    @model_validator(mode="after")
    def _plain_has_no_shortcut(self) -> Self:
        if "shortcut" in self.model_fields_set and not self.residual:
            raise ValueError(
                f"found shortcut: {self.shortcut} with residual: false; a plain network has no "
                "shortcuts. Drop one of the two"
            )
        return self

    def grad_cam_layer(self) -> str:
        """Return the activation of the last block, behind its addition."""
        return f"stage3_block{(self.depth - 2) // 6}_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give the shapes for 32×32 images at width 1."""
        from keras import Input, Model, layers

        kind = "resnet" if self.residual else "plain"
        image = Input(input_shape, name="image")  # 32 × 32 × 3
        x = whitened(image, self)
        x = conv(x, self, self.scaled(16), 3, "conv1")  # 32 × 32 × 16
        x = self._stage(x, self.scaled(16), 1, "stage1")  # 32 × 32 × 16, 2n layers
        x = self._stage(x, self.scaled(32), 2, "stage2")  # 16 × 16 × 32, 2n layers
        x = self._stage(x, self.scaled(64), 2, "stage3")  # 8 × 8 × 64, 2n layers
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # 64
        x = dropout(x, self, "dropout")
        return Model(image, output_layer(n_outputs, self)(x), name=f"{kind}{self.depth}")

    def _stage(
        self, x: keras.KerasTensor, filters: int, strides: int, name: str
    ) -> keras.KerasTensor:
        """Add n blocks of two layers; the first block has the stride `strides`."""
        x = self._block(x, filters, strides, f"{name}_block1")
        for index in range(2, (self.depth - 2) // 6 + 1):
            x = self._block(x, filters, 1, f"{name}_block{index}")
        return x

    def _block(
        self, x: keras.KerasTensor, filters: int, strides: int, name: str
    ) -> keras.KerasTensor:
        """Add two layers, with a shortcut around them if `residual` (figure 2 of the paper)."""
        from keras import layers

        inputs = x
        if strides > 1:
            # With an even side, "same" pads only at the bottom and on the right: the kernels would
            # not be centered on the positions that the shortcut takes.
            x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        padding = "same" if strides == 1 else "valid"
        x = conv(x, self, filters, 3, f"{name}_conv1", strides=strides, padding=padding)
        x = conv(x, self, filters, 3, f"{name}_conv2", activate=False)
        if self.residual:
            shortcut = inputs if strides == 1 else self._shortcut(inputs, filters, strides, name)
            x = layers.Add(name=f"{name}_add")([x, shortcut])
        return activation(x, self, f"{name}_{self.activation}")

    def _shortcut(
        self, x: keras.KerasTensor, filters: int, strides: int, name: str
    ) -> keras.KerasTensor:
        """Give the input of a block the shape of its output."""
        from keras import layers

        if self.shortcut == "projection":
            return conv(x, self, filters, 1, f"{name}_shortcut", strides=strides, activate=False)
        x = layers.AveragePooling2D(1, strides=strides, name=f"{name}_subsample")(x)
        # With "channels_first", this layer pads the last two axes, which here are columns and
        # channels. So no custom layer is needed.
        zeros = ((0, 0), (0, filters - x.shape[-1]))
        return layers.ZeroPadding2D(zeros, data_format="channels_first", name=f"{name}_zeros")(x)
