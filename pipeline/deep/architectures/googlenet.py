"""GoogLeNet, the first Inception network, in its original form and one for small images.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, "Going deeper with
convolutions" (CVPR 2015; arXiv 1409.4842), table 1 and section 5. With ``form: original`` and
``batch_norm: false``, on 224×224 RGB images of 1,000 classes, it has 6,998,552 parameters, and
13,378,280 with its two auxiliary heads.

``form: small`` is for images of about 32 pixels. One 3×3 convolution of stride 1 replaces the stem,
which would leave only 4×4 positions, and two 3×3 convolutions replace each 5×5 convolution (Szegedy
et al., "Rethinking the Inception architecture", CVPR 2016, section 3.1). With ``stem_pool``, a
pooling follows the stem.

Departures from the paper:

* No local response normalization, which figure 3 shows twice in the stem and table 1 does not list:
  Simonyan and Zisserman (2015), section 4, found that it does not help. Use batch normalization.
* The final mean is taken over all positions, which at 224 pixels are the paper's 7×7.
* Training: pixels are standardized by channel; the options define the augmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.deep.layers import conv, dense, dropout, output_layer
from pipeline.deep.options import Dropout, Flip, LearningRate, Optimizer, Penalty, Pixels, Schedule
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras

AUXILIARY_WEIGHT = 0.3
"""Weight of the loss of each auxiliary head (section 5)."""
AUXILIARY_DROPOUT = 0.7
"""Dropout rate of each auxiliary head (section 5)."""


class Spec(DeepSpec):
    """GoogLeNet (Inception v1) of 2015, for small images or in its original form."""

    form: Literal["small", "original"] = "small"
    """small: for images of about 32 pixels; original: table 1 of the paper, for 224 pixels."""
    stem_pool: bool = False
    """In the small form, halve the side after the stem, as the original stem does several times.
    The modules then read 16×16, 8×8 and 4×4 positions, at a quarter of the cost."""
    auxiliary: bool = False
    """Train with two auxiliary heads, after modules 4a and 4d, each with loss weight 0.3."""
    batch_norm: bool = True
    """Batch normalization after each convolution; the paper has none."""
    dropout: Dropout = 0.4
    """Fraction of the output layer's inputs dropped during training; 0.7 in auxiliary heads."""
    optimizer: Optimizer = "nesterov"
    """sgd, momentum and nesterov are stochastic gradient descent; the others adapt their steps."""
    learning_rate: LearningRate = 0.1
    """Peak learning rate; the schedule lowers it. Without batch_norm, try 0.01; for
    adam and adamw, 1e-3."""
    weight_decay: Penalty = 5e-4
    """Shrinks kernels, but not biases or normalization weights: as λ·w in the gradient, or, with
    adamw, separately from it."""
    schedule: Schedule = "cosine"
    """Learning rate schedule: constant, time_decay, step, linear, cosine or plateau."""
    flip: Flip = True
    """Flip images horizontally: true, at random; alternating, each in every other epoch."""
    crop: Pixels = 4
    """Pad each side with this many pixels (`border`), then crop to the original size at random."""

    def smallest_side(self) -> int:
        """Return 1, or the side that leaves 5×5 positions for the auxiliary heads."""
        if not self.auxiliary:
            return 1
        if self.form == "small":
            return 17 if self.stem_pool else 9
        return 65

    def loss_weights(self) -> tuple[float, ...]:
        """Return 1, and 0.3 for each auxiliary head."""
        return (1.0, AUXILIARY_WEIGHT, AUXILIARY_WEIGHT) if self.auxiliary else (1.0,)

    def grad_cam_layer(self) -> str:
        """Return the last module, which joins four branches."""
        return "inception_5b"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give side and channels for 224 pixels (32 in small form).

        With `auxiliary`, its outputs are those of `output`, `auxiliary1` and `auxiliary2`.
        """
        from keras import Input, Model, layers

        inception = self._inception
        image = Input(input_shape, name="image")  # 224 (32), 3
        x = self._stem(whitened(image, self))  # 28 (32), 192
        x = inception(x, "inception_3a", 64, (96, 128), (16, 32), 32)  # 28 (32), 256
        x = inception(x, "inception_3b", 128, (128, 192), (32, 96), 64)  # 28 (32), 480
        x = _halved(x, "pool3")  # 14 (16), 480
        x = at_4a = inception(x, "inception_4a", 192, (96, 208), (16, 48), 64)  # 14 (16), 512
        x = inception(x, "inception_4b", 160, (112, 224), (24, 64), 64)  # 14 (16), 512
        x = inception(x, "inception_4c", 128, (128, 256), (24, 64), 64)  # 14 (16), 512
        x = at_4d = inception(x, "inception_4d", 112, (144, 288), (32, 64), 64)  # 14 (16), 528
        x = inception(x, "inception_4e", 256, (160, 320), (32, 128), 128)  # 14 (16), 832
        x = _halved(x, "pool4")  # 7 (8), 832
        x = inception(x, "inception_5a", 256, (160, 320), (32, 128), 128)  # 7 (8), 832
        x = inception(x, "inception_5b", 384, (192, 384), (48, 128), 128)  # 7 (8), 1024
        x = layers.GlobalAveragePooling2D(name="pool5")(x)  # 1024
        x = dropout(x, self, "dropout")
        outputs = [output_layer(n_outputs, self)(x)]
        if self.auxiliary:
            outputs.append(self._auxiliary(at_4a, n_outputs, "auxiliary1"))
            outputs.append(self._auxiliary(at_4d, n_outputs, "auxiliary2"))
        return Model(image, outputs if self.auxiliary else outputs[0], name="googlenet")

    def _stem(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add the layers before the first module."""
        if self.form == "small":
            x = conv(x, self, self.scaled(192), 3, "conv1")  # 32, 192
            return _halved(x, "pool1") if self.stem_pool else x
        x = conv(x, self, self.scaled(64), 7, "conv1", strides=2)  # 112, 64
        x = _halved(x, "pool1")  # 56, 64
        x = conv(x, self, self.scaled(64), 1, "conv2_reduce")  # 56, 64
        x = conv(x, self, self.scaled(192), 3, "conv2")  # 56, 192
        return _halved(x, "pool2")  # 28, 192

    def _inception(
        self,
        x: keras.KerasTensor,
        name: str,
        ones: int,
        threes: tuple[int, int],
        fives: tuple[int, int],
        pooled: int,
    ) -> keras.KerasTensor:
        """Add a module with four parallel branches (figure 2b of the paper).

        Args:
            x: (n, height, width, channels).
            name: of the module; its layers are named after it.
            ones: 1×1 filters of the first branch.
            threes: 1×1 filters that reduce the channels, and 3×3 filters.
            fives: 1×1 filters that reduce the channels, and 5×5 filters.
            pooled: 1×1 filters after the 3×3 maximum.
        """
        from keras import layers

        def filters(x: keras.KerasTensor, count: int, size: int, kind: str) -> keras.KerasTensor:
            return conv(x, self, self.scaled(count), size, f"{name}_{kind}")

        first = filters(x, ones, 1, "1x1")
        second = filters(x, threes[0], 1, "3x3_reduce")
        second = filters(second, threes[1], 3, "3x3")
        third = filters(x, fives[0], 1, "5x5_reduce")
        if self.form == "small":
            third = filters(third, fives[1], 3, "5x5_first")
            third = filters(third, fives[1], 3, "5x5_second")
        else:
            third = filters(third, fives[1], 5, "5x5")
        fourth = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
        fourth = filters(fourth, pooled, 1, "pool_projection")
        return layers.Concatenate(name=name)([first, second, third, fourth])

    def _auxiliary(self, x: keras.KerasTensor, n_outputs: int, name: str) -> keras.KerasTensor:
        """Add a head that is used only in training (section 5)."""
        from keras import layers

        x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)  # 4 × 4 × 512 or 528
        x = conv(x, self, self.scaled(128), 1, f"{name}_conv")  # 4 × 4 × 128
        x = layers.Flatten(name=f"{name}_flatten")(x)  # 2048
        x = dense(x, self, self.scaled(1024), f"{name}_dense")  # 1024
        x = layers.Dropout(AUXILIARY_DROPOUT, name=f"{name}_dropout")(x)
        return output_layer(n_outputs, self, name)(x)


def _halved(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    from keras import layers

    return layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)
