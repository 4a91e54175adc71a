"""A multilayer perceptron: hidden layers over all pixels, which ignore where a pixel lies.

This is the network from before convolutions, as in Rumelhart, Hinton and Williams, "Learning
representations by back-propagating errors" (Nature 323, 1986), but with rectifiers and dropout of
hidden units (Srivastava et al., JMLR 15, 2014). ``layers`` makes it deeper, ``units`` and ``width``
make it wider.

On 32×32×3 pixels and ten classes, two hidden layers of 512 have 1,841,162 parameters. Adam at 1e-3
suits networks of this size. Because a shift of the image changes every input, such a network learns
little from ``crop`` or ``shift``, but something from ``flip``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.deep.layers import dense, dropout, output_layer
from pipeline.deep.options import Dropout, Epochs, Schedule, Units
from pipeline.deep.spec import DeepSpec
from pipeline.deep.whitening import whitened

if TYPE_CHECKING:
    import keras


class Spec(DeepSpec):
    """A multilayer perceptron on the pixels: a baseline without convolutions."""

    layers: int = Field(default=2, ge=1, le=64)
    """Number of hidden layers."""
    units: Units = 512
    """Units of each hidden layer."""
    dropout: Dropout = 0.2
    """Fraction of the outputs of each hidden layer dropped during training."""
    epochs: Epochs = 20
    """Maximum number of passes over the training images."""
    schedule: Schedule = "cosine"
    """Learning rate schedule: constant, time_decay, step, linear, cosine or plateau."""

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the network; comments give the shapes for 32×32 pixels."""
        from keras import Input, Model, layers

        image = Input(input_shape, name="image")  # 32 × 32 × channels
        x = whitened(image, self)  # 32 × 32 × channels, or 24 with whitening
        x = layers.Flatten(name="flatten")(x)  # 3,072
        for number in range(1, self.layers + 1):
            x = dense(x, self, self.scaled(self.units), f"hidden{number}")  # units · width
            x = dropout(x, self, f"hidden{number}_dropout")
        return Model(image, output_layer(n_outputs, self)(x), name="mlp")  # n_outputs
