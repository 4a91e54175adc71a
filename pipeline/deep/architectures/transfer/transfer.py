"""A pretrained base applied to other images: first frozen, then unfrozen by blocks.

Yosinski et al. (2014), "How transferable are features in deep neural networks?", fine-tune
transferred layers; Simonyan and Zisserman (2015), section 5 and appendix B, use the features of
VGG16 on other datasets. Departures: images are resized to one size, without crops; the head is a
small network instead of a linear SVM. The batch normalizations of a base stay as in inference
when it is unfrozen. See `pipeline.pretrained` for the bases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from pipeline.deep.architectures.transfer.cut import Cut
from pipeline.deep.architectures.transfer.phases import OF_PIXELS, PhaseOptions, read_phases
from pipeline.deep.options import Dropout, Epochs, LearningRate
from pipeline.deep.spec import DeepSpec
from pipeline.pretrained.base import ComputePrecision, pooled, set_weights
from pipeline.pretrained.frozen import FrozenBase, as_rgb_layer, join
from pipeline.pretrained.options import BaseOptions

if TYPE_CHECKING:
    import keras


class Spec(BaseOptions, DeepSpec):
    """A network pretrained on ImageNet: a head on its frozen features, with optional fine-tuning.

    The output of the frozen part is computed once per image and kept, unless it has more than
    `cut.KEPT_VALUES` values; in that case, and if all is trained, the input is pixels.
    """

    epochs: Epochs = 20
    """Maximum number of passes over the training images in the first phase, with a frozen base."""
    learning_rate: LearningRate = 5e-4
    """Peak learning rate; the schedule lowers it."""
    hidden: int = Field(default=1024, ge=0, le=65_536)
    """Units of the hidden layer in the head; 0 for a linear head."""
    dropout: Dropout = 0.5
    """Fraction of the inputs of each layer of the head dropped during training."""
    then: tuple[PhaseOptions, ...] = ()
    """Phases after the first: `unfreeze`, the number of top blocks to train, or all, and any other
    options that change: epochs, learning_rate and the optimizer's other options, flip; crop, shift
    and cutout if the input is pixels."""

    _unfrozen: int = PrivateAttr(0)  # top blocks that this phase trains
    _seed: int = PrivateAttr(0)  # for random weights: unfrozen blocks start as in the base

    @model_validator(mode="before")
    @classmethod
    def _phases_read(cls, options: Any) -> Any:
        return read_phases(options, "then")

    @model_validator(mode="after")
    def _phases_fit(self) -> Self:
        if self.whitening:
            raise ValueError(
                "found whitening: true, but the pretrained layers expect pixels as they were "
                "trained on; drop it"
            )
        _refuse_pixel_options(self, "", "Move it to a phase of `then` that unfreezes all")
        least, most = 1, self.cut.blocks
        for index, phase in enumerate(self.then):
            where, blocks = f"then.{index}", self._blocks(phase)
            if not least <= blocks <= most:
                raise ValueError(
                    f"{where}.unfreeze: found {phase.unfreeze}; expected {least} to {most}, or "
                    f"all: `layers` uses {most} blocks, and a phase cannot freeze what an earlier "
                    "phase trained"
                )
            phase.check_optimizer(where, self.optimizer, self.schedule)
            if not self._during(phase).cut.reads_pixels:
                _refuse_pixel_options(phase, f"{where}: ", "Drop it, or unfreeze all")
            least = blocks
        return self

    @property
    def cut(self) -> Cut:
        """How this phase divides the layers into frozen and trained ones."""
        return Cut(self.network_below, self.layers, self.pooling, self.image_size, self._unfrozen)

    def phases(self) -> tuple[Self, ...]:
        """Return the training of the head, and one phase for each entry of `then`."""
        first = self.model_copy(update={"then": ()})
        return (first, *map(self._during, self.then))

    def record(self) -> dict[str, Any]:
        """Return the name and checksum of the weights file."""
        return self.network_below.record(self.weights)

    def frozen_base(self, seed: int) -> FrozenBase | None:
        """Return the layers below the trained ones; None if the network starts at pixels.

        What is read of them is the pooled features of those `layers` that are there and, if later
        blocks are trained, the whole output of the last layer.
        """
        self._seed = seed
        if self.cut.reads_pixels:
            return None
        return FrozenBase(
            self.base,
            self.weights,
            self.image_size,
            self._computed_in(),
            self.cut.parts,
            seed,
            self.xla,
        )

    def frozen_bases(self, seed: int) -> tuple[tuple[FrozenBase, bool], ...]:
        """Return the frozen part of each phase that has one, with whether it flips images."""
        found = ((phase.frozen_base(seed), bool(phase.flip)) for phase in self.phases())
        return tuple((frozen, flips) for frozen, flips in found if frozen is not None)

    def preprocessing(self, inputs: NDArray) -> keras.Layer | None:
        """Standardize features in the first phase; in later phases the network does so."""
        if self._unfrozen:
            return None
        from pipeline.deep.architectures.transfer.feature_scaling import (
            fitted_standardization,
        )

        return fitted_standardization(inputs)

    def grad_cam_layer(self) -> str:
        """Return the deepest layer whose maps show a convolution, whatever is read of it."""
        return self.network_below.map_layer(self.layers)

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the layers that this phase unfreezes, and the head on standardized features."""
        from keras import Input, Model

        if not self._unfrozen:
            features = Input(input_shape, name="features")
            return Model(features, self._head(features, n_outputs), name="head")
        from pipeline.deep.architectures.transfer.feature_scaling import (
            frozen_standardization,
        )

        inputs = Input(input_shape, name="inputs")
        vectors = self._vectors(inputs)
        x = join([vectors[name] for name in self.layers])
        x = frozen_standardization()(x)
        network = Model(inputs, self._head(x, n_outputs), name="unfrozen")
        values = self.network_below.load_weights(self.weights, self._seed, self.layers)
        set_weights(network, values)
        return network

    def _head(self, x: keras.KerasTensor, n_outputs: int) -> keras.KerasTensor:
        from pipeline.deep import layers as build

        x = build.dropout(x, self, "features_dropout")
        if self.hidden:
            x = build.dense(x, self, self.scaled(self.hidden), "hidden")
            x = build.dropout(x, self, "hidden_dropout")
        return build.output_layer(n_outputs, self)(x)

    def _vectors(self, inputs: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """Return the vector of each of `layers`, from pixels or from the base's output."""
        from pipeline.deep.layers import kernel_options

        cut, base = self.cut, self.network_below
        if cut.reads_pixels:
            outputs = {"pixels": base.preprocessed(as_rgb_layer(inputs), self.image_size)}
            vectors: dict[str, keras.KerasTensor] = {}
            names = cut.every
        else:
            vectors = _take_apart(inputs, cut.shapes)
            outputs = {cut.boundary: vectors.pop(cut.boundary)} if cut.boundary else {}
            names = cut.trained
        (x,) = outputs.values()
        penalty = kernel_options(self)["kernel_regularizer"]
        outputs |= base.build(x, names, self._computed_in(), cut.trained, penalty)
        rest = [name for name in self.layers if name not in vectors]
        made = pooled(outputs, rest, self.pooling)
        return vectors | dict(zip(rest, made, strict=True))

    def _blocks(self, phase: PhaseOptions) -> int:
        return self.cut.blocks if phase.unfreeze == "all" else phase.unfreeze

    def _during(self, phase: PhaseOptions) -> Self:
        """Return the options of one phase: those of the run, updated with those of the phase."""
        spec = self.model_copy(update={"then": (), **phase.changes})
        spec._unfrozen = self._blocks(phase)
        return spec

    def _computed_in(self) -> ComputePrecision:
        from pipeline.device import compute_precision

        return compute_precision(self.precision)


def _take_apart(
    inputs: keras.KerasTensor, parts: Mapping[str, tuple[int, ...]]
) -> dict[str, keras.KerasTensor]:
    """Split (n, d) into consecutive parts with the shapes in `parts`. Uses only Keras's layers."""
    from keras import layers

    found, start, left = {}, 0, inputs.shape[1]
    column = layers.Reshape((left, 1), dtype="float32", name="column")(inputs)
    for name, shape in parts.items():
        left -= math.prod(shape)
        cut = layers.Cropping1D((start, left), dtype="float32", name=f"{name}_values")(column)
        found[name] = layers.Reshape(shape, dtype="float32", name=f"{name}_frozen")(cut)
        start += math.prod(shape)
    return found


def _refuse_pixel_options(options: Any, where: str, remedy: str) -> None:
    """Raise ValueError for an augmentation that needs pixels in a phase without them."""
    for option in OF_PIXELS:
        if value := getattr(options, option):
            raise ValueError(
                f"{where}found {option}: {value}, but training reads features that were computed "
                f"once per image; expected only flip. {remedy}"
            )
