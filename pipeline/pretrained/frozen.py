"""The frozen part of a network: a base up to some layer, and what is read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

from pipeline.channels import GRAY, RGB
from pipeline.keras_backend import load_keras
from pipeline.pretrained.base import (
    Base,
    ComputePrecision,
    Pooling,
    Weights,
    load_base,
    pooled,
    set_weights,
)

if TYPE_CHECKING:
    import keras

FLOAT16_MAX = 65504.0
"""The largest float16; ImageNet's weights give activations below a quarter of it on photographs."""


@dataclass(frozen=True, order=True)
class Part:
    """One thing that is read of a base."""

    layer: str
    form: Pooling | Literal["map"]
    """How the output of the layer is read: as a vector, or, as a map, whole."""

    @property
    def name(self) -> str:
        """The name of the Keras layer whose output it is, before any conversion to float16."""
        return f"{self.layer}_{self.form}"


@dataclass(frozen=True)
class FrozenBase:
    """What determines the features of a base, except the pixels and the machine."""

    base: str
    """One of `pipeline.pretrained.base.base_names`."""
    weights: str
    """``imagenet``, ``random`` or the path of a file."""
    image_size: int
    """Images are resized to this square, bilinearly."""
    precision: ComputePrecision
    """Of the base's layers; pooling and weights are always float32."""
    parts: tuple[Part, ...]
    """What is read, in the order in which it is joined; at least one part."""
    seed: int = 0
    """For random weights."""
    xla: bool | Literal["auto"] = "auto"
    """Whether to compile with XLA; see `pipeline.device.compiles_with_xla`."""
    values: Weights | None = field(default=None, compare=False, repr=False)
    """The weights, if they are loaded."""

    @property
    def network(self) -> Base:
        """The base."""
        return load_base(self.base)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are read, each once, in whatever forms."""
        return tuple(dict.fromkeys(part.layer for part in self.parts))

    @property
    def is_halved(self) -> bool:
        """Whether the joined output is float16 instead of float32: with a map, it is large."""
        return any(part.form == "map" for part in self.parts)

    def without_parts(self) -> Self:
        """Return what it has in common with other readers of the same base."""
        seed = self.seed if self.weights == "random" else 0
        return replace(self, parts=(), seed=seed, values=None)

    def loaded(self) -> Self:
        """Return the same with its weights."""
        if self.values is not None:
            return self
        return replace(self, values=self.network.load_weights(self.weights, self.seed, self.layers))

    def outputs(self, image_shape: tuple[int | None, ...] = (None, None, 3)) -> keras.Model:
        """Build a model with one output for each part, (n, d) each.

        Vectors are float32. Maps are flattened and float16, which halves what is stored.
        """
        load_keras()
        import keras

        pixels, found = self._read(image_shape)
        each = [
            _as_float16(x, part.name) if part.form == "map" else x
            for part, x in zip(self.parts, found, strict=True)
        ]
        return self._finished(keras.Model(pixels, each, name=f"{self.base}_parts"))

    def model(self, image_shape: tuple[int | None, ...] = (None, None, 3)) -> keras.Model:
        """Build the frozen base, from pixels to one vector per image. Uses only Keras's layers.

        Args:
            image_shape: (height, width, 3) of the images, if known; or (height, width, 1) of gray
                ones, whose channel the base reads three times.

        Returns:
            A model that maps such pixels, RGB or gray in 0..255, uint8 or float, to (n, d):
            float32, or float16 if a part is a map. Its layers are not trainable and have the same
            names in every process.

        Raises:
            StudyError: for unusable weights.
        """
        load_keras()
        import keras

        pixels, found = self._read(image_shape)
        joined = join(found)
        output = _as_float16(joined, "features") if self.is_halved else joined
        return self._finished(keras.Model(pixels, output, name=f"{self.base}_base"))

    def _read(
        self, image_shape: tuple[int | None, ...]
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        import keras

        base = self.network
        pixels = keras.Input(image_shape, name="pixels")
        x = base.preprocessed(as_rgb_layer(pixels), self.image_size)
        outputs = base.build(x, base.up_to_deepest(self.layers), self.precision)
        found = []
        for part in self.parts:
            if part.form == "map":
                flat = keras.layers.Flatten(dtype="float32", name=part.name)
                found.append(flat(outputs[part.layer]))
            else:
                found += pooled(outputs, [part.layer], part.form)
        return pixels, found

    def _finished(self, model: keras.Model) -> keras.Model:
        from pipeline.device import compiles_with_xla

        set_weights(model, self.loaded().values or {})
        model.trainable = False
        model.jit_compile = compiles_with_xla(self.xla)
        return model


def as_rgb_layer(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat the channel of gray images (n, height, width, 1) three times; RGB stays as it is."""
    import keras

    if pixels.shape[-1] != GRAY:
        return pixels
    return keras.layers.Concatenate(dtype="float32", name="gray_as_rgb")([pixels] * RGB)


def join(vectors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Concatenate vectors in order; a single one is returned unchanged."""
    import keras

    if len(vectors) == 1:
        return vectors[0]
    return keras.layers.Concatenate(dtype="float32", name="features")(list(vectors))


def _as_float16(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Convert to float16 in the model, so that predictions agree with kept features.

    Values beyond its range are clipped: above by one ReLU, below by another on the opposite.
    """
    import keras

    def up_to(name: str) -> keras.Layer:
        return keras.layers.ReLU(max_value=FLOAT16_MAX, dtype="float32", name=name)

    opposite = keras.layers.Rescaling(-1.0, dtype="float32", name=f"{name}_opposite")(x)
    halves = [up_to(f"{name}_positive")(x), up_to(f"{name}_negative")(opposite)]
    clipped = keras.layers.Subtract(dtype="float32", name=f"{name}_clipped")(halves)
    return keras.layers.Identity(dtype="float16", name=f"{name}_float16")(clipped)
