"""Histograms of local binary patterns (Ojala, Pietikäinen, Mäenpää 2002), batch by batch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.channels import RGB
from pipeline.features.lbp.binary_patterns import (
    binary_patterns,
    neighbor_offsets,
    pattern_labels,
)
from pipeline.features.spec import Extractor, FeatureSpec, batch_size, batches
from pipeline.resizing import Sides

_BATCH_PIXELS = 1 << 14
"""With this size, the arrays of one batch fit in a CPU's second-level cache."""

Radius = Annotated[float, Field(ge=1, le=16)]


class Spec(FeatureSpec):
    """Options of the histograms of local binary patterns."""

    method: Literal["lbp"] = "lbp"
    """The name of this extractor."""
    points: int = Field(default=8, ge=4, le=16)
    """Number of neighbors, on a circle, that each pixel is compared with."""
    radius: Radius | Annotated[tuple[Radius, ...], Field(min_length=1, max_length=8)] = 1.0
    """Radius of the circle in pixels, or several, whose histograms are joined in this order."""
    patterns: Literal["default", "ror", "uniform", "nri_uniform"] = "nri_uniform"
    """default: all patterns; ror: up to rotation. uniform and nri_uniform: patterns with at most
    two changes around the circle, up to rotation or not; all other patterns share one bin."""
    grid: int = Field(default=4, ge=1, le=8)
    """Divide the image into grid × grid cells, each with its own histogram; 1: the whole image."""
    sqrt: bool = True
    """Take square roots, so that a linear model has the Hellinger kernel."""

    @property
    def radii(self) -> tuple[float, ...]:
        """The radii, one per scale."""
        return self.radius if isinstance(self.radius, tuple) else (self.radius,)

    @property
    def bins(self) -> int:
        """Number of distinct patterns."""
        return pattern_labels(self.points, self.patterns)[1]

    @property
    def dimension(self) -> int:
        """Length of an image's vector."""
        return len(self.radii) * self.grid**2 * self.bins

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.radii)) < len(self.radii):
            raise ValueError(f"radius: found {list(self.radii)}; expected each radius once")
        if self.dimension > 1 << 18:
            raise ValueError(
                f"found {self.dimension} numbers per image; expected at most {1 << 18}. Choose "
                "fewer points, a smaller grid, or patterns: uniform"
            )
        return self

    def smallest_side(self) -> int:
        """Return the side that leaves each cell of the grid a pixel."""
        return self.grid

    def size_advice(self) -> str:
        """Return what to choose for smaller images."""
        return " for that grid. Choose a smaller grid"

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return `dimension`, whatever the size of images."""
        return self.dimension

    def build(self, seed: int) -> Lbp:
        """Return the extractor; nothing in it is random."""
        return Lbp(self)


class Lbp(Extractor):
    """Relative frequencies of local binary patterns in each cell of a grid.

    T. Ojala, M. Pietikäinen, T. Mäenpää, "Multiresolution Gray-Scale and Rotation Invariant Texture
    Classification with Local Binary Patterns", PAMI 24 (2002), section 2. The grid, and uniform
    patterns with distinct rotations, are those of T. Ahonen, A. Hadid, M. Pietikäinen, "Face
    Description with Local Binary Patterns", PAMI 28 (2006), section 2.

    Patterns equal those of ``skimage.feature.local_binary_pattern`` on the 8-bit gray image
    (``cv2.COLOR_RGB2GRAY``), pixel for pixel, even near the border: neighbors outside the image
    count as black, where the paper leaves such pixels out. The square root is another departure; it
    follows R. Arandjelović, A. Zisserman, CVPR 2012, section 3.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Check that the images hold a pixel a cell at least; there is nothing to learn."""
        self.spec.check_images(images)
        return self

    def labels(self, images: NDArray[np.uint8], radius: float) -> NDArray[np.uint16]:
        """Return the label of each pixel's pattern.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.
            radius: of the circle, in pixels.

        Returns:
            (height, width, n) uint16, less than `Spec.bins`.
        """
        patterns = binary_patterns(_gray_planes(images), self.spec.points, radius)
        return pattern_labels(self.spec.points, self.spec.patterns)[0][patterns]

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the histograms of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Returns:
            (n, radii · grid · grid · bins) float32, in that order: the fraction of a cell's pixels
            in each bin, or its square root.

        Raises:
            StudyError: if `images` has another form, or is smaller than the grid.
        """
        self.spec.check_images(images)
        spec = self.spec
        cells = spec.grid**2 * spec.bins
        places, areas = self._places(*images.shape[1:3])
        features = np.empty((len(images), len(spec.radii), cells), dtype=np.float32)
        for here, batch in batches(images, batch_size(images.shape, _BATCH_PIXELS, spec.dimension)):
            starts = places + np.arange(len(batch)) * cells
            for scale, radius in enumerate(spec.radii):
                index = starts + self.labels(batch, radius)
                counts = np.bincount(index.reshape(-1), minlength=len(batch) * cells)
                features[here, scale] = counts.reshape(len(batch), cells)
        features /= np.repeat(areas, spec.bins)
        if spec.sqrt:
            np.sqrt(features, out=features)
        return features.reshape(len(images), -1)

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count colors' gray values, interpolation of neighbors, votes, and division by cell areas.

        A neighbor between four pixels costs four products, between two pixels two, on a pixel none.
        """
        spec = self.spec
        pixel = 3 if image_shape[2] == RGB else 0
        for radius in spec.radii:
            between = [offset % 1 != 0 for offset in neighbor_offsets(spec.points, radius)]
            sides = between[0].astype(int) + between[1]
            pixel += int(np.choose(sides, (0, 2, 4)).sum()) + 1
        return image_shape[0] * image_shape[1] * pixel + spec.dimension

    def _places(self, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return where each pixel's histogram begins, (height, width, 1), and the cells' areas."""
        rows, columns = (np.arange(side) * self.spec.grid // side for side in (height, width))
        cells = rows[:, None] * self.spec.grid + columns
        areas = np.bincount(cells.reshape(-1), minlength=self.spec.grid**2)
        return cells[..., None] * self.spec.bins, areas.astype(np.float32)


def _gray_planes(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (height, width, n) uint8 gray images."""
    n, height, width, channels = images.shape
    gray = np.ascontiguousarray(images).reshape(n * height, width, channels)
    if channels == RGB:
        gray = cv2.cvtColor(gray, cv2.COLOR_RGB2GRAY)
    return cv2.transpose(gray.reshape(n, -1)).reshape(height, width, n)
