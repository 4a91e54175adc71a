"""The interface of every network in this project: its options and its parts.

Nothing here imports Keras at the top: stages that train nothing also parse all of params.yaml, and
importing Keras with TensorFlow takes seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from numpy.typing import NDArray
from pydantic import model_validator

from pipeline.checks import StudyError
from pipeline.config.image_size import SizeOptions
from pipeline.deep.options import (
    AugmentationOptions,
    LayerOptions,
    LossOptions,
    MachineOptions,
    OptimizerOptions,
    PredictionOptions,
)
from pipeline.deep.tuning.ranges import TunedOptions

if TYPE_CHECKING:
    import keras

    from pipeline.pretrained.frozen import FrozenBase


WHITENING_OPTIONS = ("patch", "whitening_bias_epochs", "whitening_bias_rate")


class DeepSpec(
    SizeOptions,
    LayerOptions,
    OptimizerOptions,
    LossOptions,
    AugmentationOptions,
    PredictionOptions,
    MachineOptions,
    TunedOptions,
):
    """Options that all networks share, and the parts that a network can define.

    From pixels to scores, these are: `frozen_base` (computed once per image), `preprocessing`
    (fitted on the training split) and `network` (trained). Only `network` is required.
    """

    minimum_size: ClassVar[int] = 1
    """The smallest height and width that the network accepts, unless an option changes it."""

    method: str
    """The network: the name of a file in pipeline/deep/architectures."""

    @model_validator(mode="after")
    def _whitening_is_possible(self) -> Self:
        named = [name for name in WHITENING_OPTIONS if name in self.model_fields_set]
        if named and not self.whitening:
            raise ValueError(f"found {named[0]}, but no whitening; drop it, or set whitening: true")
        if self.whitening and self.activation == "maxout":
            raise ValueError(
                "found whitening with activation: maxout; expected another activation, such as "
                "relu, which follows the whitening layer. Drop one of the two"
            )
        return self

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the part that is trained.

        Args:
            input_shape: of one input: (height, width, channels), or (d,) after a frozen base.
            n_outputs: units of the last layer; see `output_units`.

        Returns:
            A model that ends in `layers.output_layer(n_outputs, self)`. With auxiliary heads, which
            are used only in training, a model with several outputs, of which this is the first.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def loss_weights(self) -> tuple[float, ...]:
        """Return the weight of each output's loss; the first belongs to the main output."""
        return (1.0,)

    def grad_cam_layer(self) -> str | None:
        """Return the layer of `network` whose maps Grad-CAM reads: the last ones that have places.

        Its output is (n, height, width, channels): that of the last convolution with what belongs
        to it, such as its activation, or of the addition or concatenation behind it. None for a
        network without such maps.
        """
        return None

    def phases(self) -> tuple[Self, ...]:
        """Return the options of each consecutive training phase.

        A phase starts from the best weights of the previous one; layers are matched by name.
        """
        return (self,)

    def preprocessing(self, inputs: NDArray) -> keras.Layer | None:
        """Build the layer in front of `network`, fitted on the training inputs only.

        Args:
            inputs: (n, height, width, channels) uint8 pixels, or (n, d) features of the base.
        """
        from pipeline.deep.input.preprocessing import standardization

        return standardization(inputs)

    def initialize(self, network: keras.Model, inputs: NDArray) -> None:
        """Set the initial weights that `whitening` and `identity_start` ask for.

        Args:
            network: newly built by `network`; changed in place.
            inputs: as for `preprocessing`.
        """
        if self.whitening:
            from pipeline.deep.whitening import fit_whitening

            fit_whitening(network, self, inputs)
        if self.identity_start:
            from pipeline.deep.initial_weights import start_as_identity

            start_as_identity(network)

    def frozen_base(self, seed: int) -> FrozenBase | None:
        """Return the part that is never trained, from pixels to (n, d); None if there is none.

        Args:
            seed: for random weights, if there are any.
        """
        return None

    def check_files(self) -> None:
        """Raise `StudyError` if a file named in the options cannot be used; without Keras."""

    def record(self) -> dict[str, Any]:
        """Return what the card records besides the options, such as a weights file's checksum."""
        return {}

    def smallest_side(self) -> int:
        """Return the smallest height and width of images that the network accepts."""
        return self.minimum_size

    def check_size(self, image_shape: tuple[int, ...]) -> None:
        """Raise `StudyError` if images of (height, width, channels) are too small for the network.

        Args:
            image_shape: of the images as the network gets them (`sides_seen`).
        """
        height, width = image_shape[:2]
        if min(height, width) < self.smallest_side():
            raise StudyError(
                f"{self.method}: found images of {height}×{width} pixels; expected at least "
                f"{self.smallest_side()}×{self.smallest_side()}. Set a larger image_size, "
                "resize them in `dataset`, or drop this run"
            )

    @property
    def needs_bias(self) -> bool:
        """Whether layers have a bias; directly before batch normalization it would do nothing."""
        return not self.batch_norm or self.norm_place == "after"

    def scaled(self, filters: int) -> int:
        """Return the number of filters or units times `width`, at least 1."""
        return max(1, round(filters * self.width))


def output_units(n_classes: int) -> int:
    """Return the units of the last layer: one per class, but a single unit for two classes."""
    if n_classes < 2:
        raise StudyError(f"found {n_classes} class; expected at least two classes")
    return 1 if n_classes == 2 else n_classes
