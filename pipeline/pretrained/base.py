"""The interface of a pretrained network that other networks and feature sets build on: a *base*.

A base is one file in this folder, with a class ``Network`` derived from `Base`; its name in
params.yaml (``base: vgg16``) is the name of the file. Those of `keras.applications` are all in
`pipeline.pretrained.keras_applications`. A base consists of blocks, and a block of layers.
A layer here is a place whose output can be read; it has the name of the Keras layer that ends
there, so one layer may stand for several of Keras's (a convolution, its normalization, its
activation). Training is unfrozen by blocks, from the top.

Keras is imported only where it is used, because parsing options and checking a weights file must
stay fast.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_known
from pipeline.config.registry import defines

if TYPE_CHECKING:
    import keras

COMPUTED_IMPORTS = ("pipeline.pretrained.*",)
"""`load_base` imports the files of bases by name; see `pipeline.fingerprints`."""

Weights = dict[str, tuple[NDArray[np.float32], ...]]
"""Name of a Keras layer -> its arrays, in the order of the layer's `set_weights`. They are those of
a network that reads RGB, whatever the order of channels in the file."""
Pooling = Literal["average", "max", "flatten"]
ComputePrecision = Literal["float32", "bfloat16", "float16"]
"""The precision that convolutions compute in; weights are always float32."""


class Base(ABC):
    """A pretrained network without its classifier: what it is made of, and how to build it.

    It has no state; options such as the image size are arguments. All sizes are those of square
    images in pixels.
    """

    title: ClassVar[str]
    """Its name in messages: ``VGG16``."""
    blocks: ClassVar[tuple[tuple[str, ...], ...]]
    """The names of the layers of each block, from pixels to the deepest. The last layer of a block
    is where the frozen part of the network may end."""
    default_layers: ClassVar[tuple[str, ...]]
    """The layers whose outputs are used unless an option names others."""
    minimum_size: ClassVar[int] = 32
    """The smallest images that it can read."""

    @abstractmethod
    def output_shape(self, layer: str, image_size: int) -> tuple[int, int, int]:
        """Return the output shape (height, width, channels) of a layer."""

    @abstractmethod
    def preprocessed(self, pixels: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
        """Turn pixels into what the weights expect, resized to `image_size`, in float32.

        Args:
            pixels: (n, height, width, 3), RGB in 0..255, uint8 or float. `resized` helps.
            image_size: the side of the result (n, image_size, image_size, 3).
        """

    @abstractmethod
    def build(
        self,
        x: keras.KerasTensor,
        names: Sequence[str],
        precision: ComputePrecision,
        trained: Collection[str] = (),
        penalty: Any = None,
    ) -> dict[str, keras.KerasTensor]:
        """Build consecutive layers on `x`; return the output of each by name.

        Only Keras's own layers are used, whose names are the same in every process. Batch
        normalizations stay as in inference in the trained layers too, because a few images of
        another kind would spoil their statistics: they are folded into the convolutions, or are not
        trainable. (``training=False`` does not suffice: Keras's `fit` overrides it.)

        Args:
            x: (n, height, width, channels): the output of `preprocessed` or of an earlier layer.
            names: a part of `layer_names` without gaps.
            precision: compute precision of the layers.
            trained: the layers whose convolutions are trained; the others are frozen.
            penalty: a Keras regularizer for the trained kernels; None for none.
        """

    @abstractmethod
    def load_weights(self, source: str, seed: int, layers: Sequence[str]) -> Weights:
        """Read, download or draw the weights of all layers up to the deepest of `layers`.

        Args:
            source: ``"imagenet"``, ``"random"`` or the path of a file.
            seed: for random weights.
            layers: names from `layer_names`.

        Raises:
            StudyError: if the weights cannot be used.
        """

    @abstractmethod
    def check_weights(self, source: str) -> None:
        """Raise `StudyError` if `load_weights` could not read `source`; fast, without Keras."""

    @abstractmethod
    def record(self, source: str) -> dict[str, Any]:
        """Return the card's record: ``weights``, ``weights_file`` and ``weights_sha256``."""

    @abstractmethod
    def multiply_adds(self, layers: Sequence[str], image_size: int) -> int:
        """Count the products of kernels and inputs up to the deepest of `layers`."""

    @abstractmethod
    def map_layer(self, layers: Sequence[str]) -> str:
        """Return the layer whose maps Grad-CAM reads, of those up to the deepest of `layers`."""

    # --- what follows from the blocks ------------------------------------------------------------

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of all layers, from the first to the deepest."""
        return tuple(name for block in self.blocks for name in block)

    def up_to_deepest(self, layers: Iterable[str]) -> tuple[str, ...]:
        """Return the names of all layers from the first to the deepest of `layers`."""
        deepest = max(map(self.layer_names.index, layers))
        return self.layer_names[: deepest + 1]

    def block_of(self, layer: str) -> int:
        """Return the number, from 1, of the block that contains a layer."""
        return next(number for number, block in enumerate(self.blocks, 1) if layer in block)

    def check_layers(self, layers: Sequence[str]) -> None:
        """Raise `StudyError` unless `layers` names at least one layer, each only once."""
        if not layers:
            raise StudyError(f"expected at least one layer of {self.title}, such as "
                             f"{self.default_layers[-1]}")  # fmt: skip
        for name in layers:
            check_known(name, self.layer_names, f"{self.title} layer")
        if len(set(layers)) < len(layers):
            raise StudyError("expected each layer at most once")


@cache
def base_names() -> tuple[str, ...]:
    """Return the sorted names of bases with a file. It reads the files and imports none."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(path.stem for path in files if defines(path, "Network")))


def known_bases() -> tuple[str, ...]:
    """Return the sorted names of all bases, those of `keras.applications` included."""
    return tuple(sorted({*base_names(), *_applications().APPLICATIONS}))


@cache
def load_base(name: str) -> Base:
    """Import the file of one base, and return the base.

    Raises:
        StudyError: if there is no such base.
    """
    check_known(name, known_bases(), "base")
    if name not in base_names():
        application: Base = _applications().Application(name)
        return application
    network: Base = importlib.import_module(f"pipeline.pretrained.{name}").Network()
    return network


def _applications() -> Any:
    return importlib.import_module("pipeline.pretrained.keras_applications")


def resized(pixels: keras.KerasTensor, image_size: int) -> keras.KerasTensor:
    """Resize images bilinearly to a square; return them unchanged if they have this size.

    Args:
        pixels: (n, height, width, channels) float32, where height and width may be unknown.
        image_size: the side of the square.
    """
    import keras

    sides = tuple(pixels.shape[1:3])
    if sides == (image_size, image_size):
        return pixels
    known = [side for side in sides if side is not None]
    # Antialiasing changes only images that become smaller.
    resize = keras.layers.Resizing(
        image_size,
        image_size,
        interpolation="bilinear",
        antialias=max(known, default=0) > image_size,
        dtype="float32",
        name="resize",
    )
    # Without `training=False`, Keras would run this layer and all later ones in training mode, and
    # dropout would be active in inference.
    return resize(pixels, training=False)


def policy_of(precision: ComputePrecision) -> str:
    """Return the name of Keras's dtype policy for layers that compute in a precision."""
    return "float32" if precision == "float32" else f"mixed_{precision}"


def pooled(
    outputs: Mapping[str, keras.KerasTensor], layers: Sequence[str], pooling: Pooling
) -> list[keras.KerasTensor]:
    """Turn the output of each of `layers` into vectors: (n, channels) or (n, h·w·channels)."""
    import keras

    kind = {
        "average": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
        "flatten": keras.layers.Flatten,
    }[pooling]
    return [kind(dtype="float32", name=f"{name}_{pooling}")(outputs[name]) for name in layers]


def set_weights(model: keras.Model, values: Weights) -> None:
    """Set the weights of those layers of `model` that `values` names."""
    for layer in model.layers:
        if layer.name in values:
            layer.set_weights(list(values[layer.name]))
