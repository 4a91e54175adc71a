"""VGG16 as a fixed feature extractor: its convolutions, trained on ImageNet and frozen, and a head.

Simonyan and Zisserman (2015), section 5 and appendix B, read the network's features out for other
datasets in this way. Departures: layers before the last one are read out too, as small images leave
the deepest ones a few positions only; images are resized to one size, without crops; the head is a
small network instead of a linear SVM. See `pipeline.pretrained` for the base itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from pipeline.deep.spec import DeepSpec, output_layer
from pipeline.pretrained import (
    BaseOptions,
    vgg16_base,
    weights_record,
)

if TYPE_CHECKING:
    import keras


class Spec(BaseOptions, DeepSpec):
    """VGG16 trained on ImageNet, frozen, with a small head trained on its pooled features."""

    epochs: int = Field(default=20, ge=1)
    """The most passes over the features of the training images."""
    learning_rate: float = Field(default=5e-4, gt=0)
    """The optimizer's step size."""
    hidden: int = Field(default=1024, ge=0)
    """Units of a hidden ReLU layer in the head; 0 for a linear head."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of inputs of each layer of the head that are dropped in training."""
    l2: float = Field(default=0.0, ge=0)
    """Penalty on the squared weights of the head."""

    def record(self) -> dict[str, Any]:
        """Return the name and checksum of the weights file."""
        return weights_record(self.weights)

    def frozen_base(self, image_shape: tuple[int, int, int], seed: int) -> keras.Model:
        """Build the convolutions, from pixels to the pooled features of `layers`."""
        return vgg16_base(
            self.weights, self.image_size, self.layers, self.pooling, seed, image_shape
        )

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the head on standardised features (d,)."""
        from keras import Input, Model, layers, regularizers

        penalty = {"kernel_regularizer": regularizers.L2(self.l2)} if self.l2 else {}
        features = Input(input_shape, name="features")
        x = layers.Dropout(self.dropout, name="features_dropout")(features)
        if self.hidden:
            x = layers.Dense(
                self.hidden, "relu", kernel_initializer="he_normal", name="hidden", **penalty
            )(x)
            x = layers.Dropout(self.dropout, name="hidden_dropout")(x)
        return Model(features, output_layer(n_outputs, **penalty)(x), name="head")
