"""LeNet-5, in its original form of 1998 and in its modern form.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (Proc.
IEEE 86, 1998), section II.B and figure 2.

The default is the modern form (ReLU, max); the options also give the form of 1998 (tanh, average).
The network of figure 2, with ``first_padding: same`` on 28×28 gray images (the paper pads them to
32×32) and ten classes, has 61,706 parameters.

Departures from the paper, in either form:

* C3 reads all six maps of S2; in the paper each of its maps reads some of them (table I).
* S2 and S4 only pool; the paper's also multiply by a trained coefficient and add a trained bias.
* A softmax with cross-entropy replaces the radial basis functions and their loss.
* C5 is a fully connected layer over S4, which is equivalent for the paper's 32×32 input.
* Other activations can replace tanh or ReLU, and batch normalization can precede each of them.
* tanh has neither the paper's amplitude of 1.7159 nor its slope of 2/3.
* Adam replaces the stochastic diagonal Levenberg-Marquardt method.
* Images keep their number of channels; each channel is standardized on the training split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.deep.layers import conv, dense, dropout, output_layer
from pipeline.deep.options import Activation, BatchSize, Dropout, Epochs, LearningRate
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras


class Spec(DeepSpec):
    """LeNet-5, the convolutional network of 1998, in its original and its modern form."""

    epochs: Epochs = 20
    """Maximum number of passes over the training images."""
    batch_size: BatchSize = 64
    """Images per optimizer step."""
    learning_rate: LearningRate = 1e-3
    """Peak learning rate; the schedule lowers it (`pipeline.deep.training.schedules`)."""
    activation: Activation = "relu"
    """relu is the modern form, tanh the original; maxout takes the larger of two."""
    pooling: Literal["max", "average"] = "max"
    """max is the modern form, average the original."""
    first_padding: Literal["same", "valid"] = "same"
    """Whether the first convolution pads the image, as the paper does with 28×28 digits."""
    dropout: Dropout = 0.2
    """Fraction of the inputs of C5 and F6 dropped during training; not in the paper."""

    def smallest_side(self) -> int:
        """Return the side that leaves one position after S4."""
        return 12 if self.first_padding == "same" else 16

    def grad_cam_layer(self) -> str:
        """Return the activation of the last convolution."""
        return f"c3_{self.activation}"

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give the shapes for a padded 28×28 image at width 1."""
        from keras import Input, Model, layers

        pool = layers.MaxPooling2D if self.pooling == "max" else layers.AveragePooling2D

        image = Input(input_shape, name="image")  # 28 × 28 × channels
        x = whitened(image, self)
        x = conv(x, self, self.scaled(6), 5, "c1", padding=self.first_padding)  # 28 × 28 × 6
        x = pool(2, name="s2")(x)  # 14 × 14 × 6
        x = conv(x, self, self.scaled(16), 5, "c3", padding="valid")  # 10 × 10 × 16
        x = pool(2, name="s4")(x)  # 5 × 5 × 16
        x = layers.Flatten(name="flatten")(x)  # 400
        x = dropout(x, self, "c5_dropout")
        x = dense(x, self, self.scaled(120), "c5")  # 120
        x = dropout(x, self, "f6_dropout")
        x = dense(x, self, self.scaled(84), "f6")  # 84
        return Model(image, output_layer(n_outputs, self)(x), name="lenet5")  # n_outputs
