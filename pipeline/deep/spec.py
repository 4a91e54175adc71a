"""What every network of this project has in common: its options, and the parts it is made of.

Nothing here imports Keras at the top: the whole of params.yaml is parsed by stages that train
nothing, and Keras with TensorFlow takes seconds to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from numpy.typing import NDArray
from pydantic import Field, field_validator

from pipeline.checks import StudyError
from pipeline.registry import MethodSpec

if TYPE_CHECKING:
    import keras

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class DeepSpec(MethodSpec):
    """Options that all networks share, and the three parts that a network may say of itself.

    From pixels to scores: `frozen_base` (computed once an image), `preprocessing` (fitted on the
    training split), `network` (trained). Only `network` has to be written.
    """

    minimum_size: ClassVar[int] = 1
    """The smallest height and width that the network can read, where no option changes it."""

    method: str
    """The network: the name of a file in pipeline/deep/architectures."""
    epochs: int = Field(default=15, ge=1)
    """The most passes over the training images."""
    batch_size: int = Field(default=128, ge=1)
    """Images in one step of the optimizer."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The optimizer's step size."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """adam, or sgd with Nesterov momentum 0.9."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without a lower validation loss; null trains all epochs."""
    seeds: tuple[Seed, ...] | None = Field(default=None, min_length=1)
    """Train once with each of these; null takes the study's seed."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if seeds is not None and len(set(seeds)) < len(seeds):
            raise ValueError("expected each seed once")
        return seeds

    def network(self, input_shape: tuple[int, ...], n_outputs: int) -> keras.Model:
        """Build the part that is trained.

        Args:
            input_shape: of one input, (height, width, channels), or (d,) behind a frozen base.
            n_outputs: units of the last layer, as `output_units` says.

        Returns:
            A model that ends in `output_layer(n_outputs)`.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def preprocessing(self, inputs: NDArray) -> keras.Layer | None:
        """Build what is put in front of `network`, fitted on the training inputs alone.

        Args:
            inputs: (n, height, width, 3) uint8 pixels, or (n, d) float32 features of the base.
        """
        from pipeline.deep.preprocessing import standardisation

        return standardisation(inputs)

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


def output_units(n_classes: int) -> int:
    """Return the units of the last layer: one a class, but a single one for two classes."""
    if n_classes < 2:
        raise StudyError(f"found {n_classes} class; expected at least two to tell apart")
    return 1 if n_classes == 2 else n_classes


def output_layer(n_outputs: int, **options: Any) -> keras.Layer:
    """Return the last layer, named ``output``: a softmax, or one sigmoid unit.

    Args:
        n_outputs: as `output_units` says.
        options: further arguments of `keras.layers.Dense`, such as a regulariser.
    """
    import keras

    activation = "sigmoid" if n_outputs == 1 else "softmax"
    return keras.layers.Dense(n_outputs, activation=activation, name="output", **options)
