"""Figures of random position, size and angle, from which the two control datasets are drawn.

A control is a dataset whose outcome is known before anything is trained: its images are made so
that one kind of feature can tell the classes apart and another cannot. A study that finds otherwise
has a bug, and its results on photographs mean nothing.
"""

from __future__ import annotations

import ast
import hashlib
from abc import abstractmethod
from collections.abc import Callable
from math import pi, sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.data.spec import DatasetSpec, RawDataset
from pipeline.fingerprints import syntax
from pipeline.storage.source import Source, SourceFile
from pipeline.storage.splits import SPLITS

Coordinates = NDArray[np.float64]
Figure = Callable[[Coordinates, Coordinates], NDArray[np.bool_]]
"""Takes coordinates to the right of and above the center; returns which points lie inside."""

_HALF_SIDE = sqrt(pi) / 2
_INRADIUS = sqrt(pi / sqrt(27))
_ARM = sqrt(pi / 20)

FIGURES: dict[str, Figure] = {
    "disc": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) <= _HALF_SIDE,
    "triangle": lambda x, y: np.maximum(-y, (abs(x) * sqrt(3) + y) / 2) <= _INRADIUS,
    "cross": lambda x, y: (
        (np.minimum(abs(x), abs(y)) <= _ARM) & (np.maximum(abs(x), abs(y)) <= 3 * _ARM)
    ),
}
"""Each has the area of the unit disk, so that the covered area does not reveal the shape."""

REACH = 2 * _INRADIUS
"""The largest distance of a figure's edge from its center: that of the triangle's corners."""
RADII = (0.16, 0.26)
"""Range of the radius of a disk of the same area, as fractions of the image's side."""
TILT = pi / 12
"""Figures are rotated by up to this angle in radians, in either direction."""

ImageCount = Annotated[int, Field(ge=1, le=10_000)]


def figure_mask(figure: Figure, size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw a figure of random size and tilt at a random position; all of it fits in the image.

    Returns:
        (size, size) bool, true inside the figure. Edges are hard, because blended colors along
        them would reveal the length of the outline.
    """
    radius = rng.uniform(*RADII) * size
    margin = REACH * radius
    middle_x, middle_y = rng.uniform(margin, size - margin, 2)
    angle = rng.uniform(-TILT, TILT)
    rows, columns = np.mgrid[:size, :size] + 0.5
    x, y = (columns - middle_x) / radius, (middle_y - rows) / radius
    return figure(x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle))


def two_levels(
    low: float, high: float, apart: float, rng: np.random.Generator, channels: int = 1
) -> NDArray[np.float64]:
    """Draw the levels of figure and background from one distribution, until they differ enough.

    Returns:
        (2, channels), uniform in [low, high], with channel means at least `apart` from each other.
    """
    while True:
        levels = rng.uniform(low, high, (2, channels))
        if abs(levels[0].mean() - levels[1].mean()) >= apart:
            return levels


class ControlSpec(DatasetSpec):
    """Options of a dataset that is drawn image by image, each from its own seed."""

    size: Annotated[int, Field(ge=16, le=128)] = 32
    """Height and width of the images, in pixels."""
    per_class: tuple[ImageCount, ImageCount, ImageCount] = (200, 50, 100)
    """Images of each class to train, validate and test on; a larger count keeps the first ones."""
    images_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed for drawing the images. They are the data, so the study's seed does not change them."""

    @property
    @abstractmethod
    def all_classes(self) -> tuple[str, ...]:
        """The classes that can be drawn."""

    @abstractmethod
    def draw(self, label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return one (size, size, 3) uint8 RGB image of the class at `label`."""

    def load(self, source: Source) -> RawDataset:
        """Draw all images, ordered by split, then by class."""
        names = self.all_classes
        counts = dict(zip(SPLITS, self.per_class, strict=True))
        places = [
            (position, split, label, index)
            for position, (split, count) in enumerate(counts.items())
            for label in range(len(names))
            for index in range(count)
        ]
        images = np.empty((len(places), self.size, self.size, 3), dtype=np.uint8)
        for image, (position, _, label, index) in zip(images, places, strict=True):
            seeds = (self.images_seed, position, label, index)
            image[...] = self.draw(label, np.random.default_rng(seeds))
        return RawDataset(
            images=images,
            labels=np.array([label for _, _, label, _ in places], dtype=np.int64),
            class_names=names,
            split=np.array([split for _, split, _, _ in places], dtype="<U10"),
            image_names=np.array([f"{s}/{names[label]}/{i:04d}" for _, s, label, i in places]),
        )


def drawn_by(name: str, file: str, description: str) -> Source:
    """Return the source record of images drawn by code; its checksum is that of what the code does.

    Args:
        name: the dataset's name.
        file: the module that draws the images, together with this one.
        description: what the images are.
    """
    sources = [Path(each).read_text(encoding="utf-8") for each in (__file__, file)]
    digests = "".join(syntax.digest(ast.parse(source)) for source in sources)
    checksum = hashlib.sha256(digests.encode("ascii")).hexdigest()
    drawn = SourceFile(Path(file).name, None, checksum, sum(map(len, sources)))
    return Source(name, (drawn,), description)
