"""Where a base is split into a frozen part and a trained part. Does not import Keras."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.pretrained.base import Base, Pooling
from pipeline.pretrained.frozen import Part

KEPT_VALUES = 20_000
"""The most float16 values kept per image: 60,000 images and 45,000 flipped ones take 4 GB. This is
enough to unfreeze one block of VGG16 at up to 96 pixels, or two at up to 64."""


@dataclass(frozen=True)
class Cut:
    """A base up to the deepest layer in use, with its top blocks trained and the others frozen."""

    base: Base
    layers: tuple[str, ...]
    """Layers whose outputs are used."""
    pooling: Pooling
    image_size: int
    unfrozen: int
    """Number of blocks that are trained, from the top."""

    @property
    def blocks(self) -> int:
        """Number of blocks, up to the deepest layer in use."""
        return self.base.block_of(self.every[-1])

    @property
    def every(self) -> tuple[str, ...]:
        """All layers, up to the deepest one in use."""
        return self.base.up_to_deepest(self.layers)

    @property
    def boundary(self) -> str | None:
        """The last frozen layer, if trained ones follow it."""
        frozen = self.blocks - self.unfrozen
        return self.base.blocks[frozen - 1][-1] if 0 < frozen < self.blocks else None

    @property
    def trained(self) -> tuple[str, ...]:
        """The layers that are trained."""
        if not self.unfrozen:
            return ()
        return self.every[self.every.index(self.boundary) + 1 :] if self.boundary else self.every

    @property
    def below(self) -> tuple[str, ...]:
        """Layers in use below the boundary; all of them if nothing is trained."""
        behind = {self.boundary, *self.trained}
        return tuple(name for name in self.layers if name not in behind)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is read of the frozen part: vectors, and the boundary's whole output."""
        vectors = tuple(Part(name, self.pooling) for name in self.below)
        return (*vectors, Part(self.boundary, "map")) if self.boundary else vectors

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each of `parts`, by layer."""
        shapes: dict[str, tuple[int, ...]] = {}
        for part in self.parts:
            shape = self.base.output_shape(part.layer, self.image_size)
            vector = math.prod(shape) if part.form == "flatten" else shape[-1]
            shapes[part.layer] = shape if part.form == "map" else (vector,)
        return shapes

    @property
    def reads_pixels(self) -> bool:
        """Whether the trained part starts at pixels: all is trained, or features are too large."""
        if not self.unfrozen:
            return False
        return not self.boundary or sum(map(math.prod, self.shapes.values())) > KEPT_VALUES
