"""What every network of this project has in common: its options, and the parts it is made of.

Nothing here imports Keras at the top: the whole of params.yaml is parsed by stages that train
nothing, and Keras with TensorFlow takes seconds to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.deep.options import (
    AugmentationOptions,
    LayerOptions,
    LossOptions,
    MachineOptions,
    OptimizerOptions,
)

if TYPE_CHECKING:
    import keras


class DeepSpec(LayerOptions, OptimizerOptions, LossOptions, AugmentationOptions, MachineOptions):
    """Options that all networks share, and the parts that a network may say of itself.

    From pixels to scores: `frozen_base` (computed once an image), `preprocessing` (fitted on the
    training split), `network` (trained). Only `network` has to be written.
    """

    minimum_size: ClassVar[int] = 1
    """The smallest height and width that the network can read, where no option changes it."""

    method: str
    """The network: the name of a file in pipeline/deep/architectures."""

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the part that is trained.

        Args:
            input_shape: of one input, (height, width, channels), or (d,) behind a frozen base.
            n_outputs: units of the last layer, as `output_units` says.

        Returns:
            A model that ends in `layers.output_layer(n_outputs, self)`. With auxiliary heads, which
            serve in training alone, a model of several outputs of which that is the first.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def loss_weights(self) -> tuple[float, ...]:
        """Return what the loss of each output of `network` counts; the first is the network's."""
        return (1.0,)

    def grad_cam_layer(self) -> str | None:
        """Return the layer of `network` whose maps Grad-CAM reads: the last ones that have places.

        Its output is (n, height, width, channels): that of the last convolution with what belongs
        to it, such as its activation, or of the addition or concatenation behind it. None for a
        network without such maps.
        """
        return None

    def phases(self) -> tuple[Self, ...]:
        """Return the trainings that follow each other, each an own set of options.

        A phase starts from the best weights of the one before it; layers are matched by name.
        """
        return (self,)

    def preprocessing(self, inputs: NDArray) -> keras.Layer | None:
        """Build what is put in front of `network`, fitted on the training inputs alone.

        Args:
            inputs: (n, height, width, 3) uint8 pixels, or (n, d) features of the base.
        """
        from pipeline.deep.input.preprocessing import standardisation

        return standardisation(inputs)

    def initialise(self, network: keras.Model, inputs: NDArray) -> None:
        """Set weights of a `network` just built that depend on the training inputs, if any do.

        Args:
            network: as `network` returned it.
            inputs: as for `preprocessing`.
        """

    def frozen_base(self, image_shape: tuple[int, int, int], seed: int) -> keras.Model | None:
        """Build a part that is never trained, from pixels to (n, d), or return None.

        Args:
            image_shape: (height, width, 3) of the images.
            seed: of weights that are drawn, if any are.
        """
        return None

    def check_files(self) -> None:
        """Raise `StudyError` if a file that the options name cannot be used. Imports no Keras."""

    def record(self) -> dict[str, Any]:
        """Return what the card notes beside the options, such as a weights file's checksum."""
        return {}

    def smallest_side(self) -> int:
        """Return the smallest height and width of images that the network can read."""
        return self.minimum_size

    def check_size(self, image_shape: tuple[int, ...]) -> None:
        """Raise `StudyError` if images of (height, width, 3) are too small for the network."""
        height, width = image_shape[:2]
        if min(height, width) < self.smallest_side():
            raise StudyError(
                f"{self.method}: found images of {height}×{width} pixels; expected at least "
                f"{self.smallest_side()}×{self.smallest_side()}. Resize them in `dataset`, or "
                "drop this run"
            )

    def scaled(self, filters: int) -> int:
        """Return `filters`, or units, times `width`: at least one."""
        return max(1, round(filters * self.width))


def output_units(n_classes: int) -> int:
    """Return the units of the last layer: one a class, but a single one for two classes."""
    if n_classes < 2:
        raise StudyError(f"found {n_classes} class; expected at least two to tell apart")
    return 1 if n_classes == 2 else n_classes
