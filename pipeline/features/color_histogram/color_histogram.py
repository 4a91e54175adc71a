"""Color histograms of whole images or of grid cells, for many images at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.channels import GRAY, RGB
from pipeline.checks import StudyError
from pipeline.features.spec import Extractor, FeatureSpec, batch_size, batches
from pipeline.resizing import Sides

_BATCH_PIXELS = 1 << 16
"""With this size, the arrays of one batch fit in a CPU's second-level cache."""

_CONVERSIONS = {
    "rgb": None,
    "hsv": cv2.COLOR_RGB2HSV,
    "lab": cv2.COLOR_RGB2LAB,
    "luv": cv2.COLOR_RGB2LUV,
    "ycrcb": cv2.COLOR_RGB2YCrCb,
}
"""OpenCV's conversions, all from RGB order, to its 8-bit scales.

HLS is left out because OpenCV's rounding of its hue depends on a pixel's position in the array.
"""
_CONVERSION_PRODUCTS = {"rgb": 0, "hsv": 3, "lab": 14, "luv": 20, "ycrcb": 5}
"""Products per pixel, by the formulas in OpenCV's documentation of ``cvtColor``.

hsv: S = (V - min) / V, and 60 (G - B) / (V - min). ycrcb: three for Y, one each for Cr and Cb. lab:
nine for XYZ, two for the white point, and 116, 500 and 200. luv: nine, 116, six for u' and v', and
13 L (u' - u) and 13 L (v' - v)."""
_HUE = 180
"""OpenCV's 8-bit hue counts steps of 2°: 0..179. All other channels are 0..255."""

_SIZES: dict[str, Callable[..., NDArray[np.float32]]] = {"l1": np.sum, "l2": np.linalg.norm}
"""The norms that a histogram can be divided by."""

Bins = Annotated[int, Field(ge=1, le=256)]


class Spec(FeatureSpec):
    """Options of the color histogram."""

    method: Literal["color_histogram"] = "color_histogram"
    """The name of this extractor."""
    space: Literal["rgb", "hsv", "lab", "luv", "ycrcb"] = "rgb"
    """Color space, in OpenCV's 8-bit form: hue 0 to 179, other channels 0 to 255."""
    bins: Bins | tuple[Bins, Bins, Bins] = 16
    """Bins of each channel, over its whole range: one number, or three."""
    joint: bool = False
    """Use one three-dimensional histogram of colors, instead of one histogram per channel."""
    grid: int = Field(default=4, ge=1, le=8)
    """Divide the image into grid × grid cells, each with its own histogram; 1: the whole image."""
    norm: Literal["l1", "l2", "none"] = "l1"
    """Divide each histogram by its sum (l1) or its length (l2), or keep pixel counts (none)."""
    sqrt: bool = True
    """Take square roots, so that a linear model has the Hellinger kernel; only with norm l1."""

    @property
    def channel_bins(self) -> tuple[int, int, int]:
        """Bins of the first, second and third channel."""
        return self.bins if isinstance(self.bins, tuple) else (self.bins,) * 3

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sqrt and self.norm != "l1":
            raise ValueError(
                f"found sqrt: true with norm: {self.norm}; expected sqrt: false, or norm: l1"
            )
        if self.joint and self.dimension > 1 << 18:
            raise ValueError(
                f"found {self.dimension} numbers per image; expected at most {1 << 18}. Choose "
                "fewer bins or a smaller grid, or joint: false"
            )
        return self

    @property
    def dimension(self) -> int:
        """Length of an image's vector."""
        bins = self.channel_bins
        return self.grid**2 * (int(np.prod(bins)) if self.joint else sum(bins))

    def smallest_side(self) -> int:
        """Return the side that leaves each cell of the grid a pixel."""
        return self.grid

    def size_advice(self) -> str:
        """Return what to choose for smaller images."""
        return " for that grid. Choose a smaller grid"

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return `dimension`, whatever the size of images."""
        return self.dimension

    def check_channels(self, channels: int) -> None:
        """Refuse gray images: three histograms of one channel would only repeat it."""
        if channels == GRAY:
            raise StudyError(
                "color_histogram counts colors, but found gray images, with one channel; expected "
                "color images. Drop this feature set and the runs on it, or use another method, "
                "such as hog, lbp or raw"
            )

    def build(self, seed: int) -> ColorHistogram:
        """Return the extractor; nothing in it is random."""
        return ColorHistogram(self)


class ColorHistogram(Extractor):
    """Counts of colors, per channel or joint, in each cell of a grid.

    Joint histograms are those of M. Swain, D. Ballard, "Color Indexing", IJCV 7 (1991), section 2,
    but in any of the color spaces, instead of their opponent axes. The square root is that of
    R. Arandjelović, A. Zisserman, "Three things everyone should know to improve object retrieval",
    CVPR 2012, section 3: a linear model then has the Hellinger kernel.

    Counts equal those of ``numpy.histogram`` (joint: ``numpy.histogramdd``) over a channel's whole
    range, and cells equal those of ``numpy.array_split``.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Check that the images hold a pixel a cell at least; there is nothing to learn."""
        self.spec.check_images(images)
        return self

    def counts(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Count pixels.

        Args:
            images: (n, height, width, 3) uint8 in RGB order.

        Returns:
            (n, grid · grid, bins) int64; the last axis holds the three channels' histograms one
            after the other, or the joint histogram with the third channel varying fastest.

        Raises:
            StudyError: if `images` has another form, or is smaller than the grid.
        """
        self.spec.check_images(images)
        counts = np.empty((len(images), self.spec.dimension), dtype=np.int64)
        for here, batch_counts in self._batch_counts(images):
            counts[here] = batch_counts
        return counts.reshape(len(images), self.spec.grid**2, -1)

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the normalized histograms of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order.

        Returns:
            (n, grid · grid · bins) float32, in the order of `counts`.

        Raises:
            StudyError: if `images` has another form, or is smaller than the grid.
        """
        self.spec.check_images(images)
        features = np.empty((len(images), self.spec.dimension), dtype=np.float32)
        for here, batch_counts in self._batch_counts(images):
            features[here] = batch_counts
            self._normalize(features[here])
        return features

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count conversions, votes (one per pixel in a joint histogram, else three) and norms.

        Norms cost one quotient per number; l2 also costs one square per number.
        """
        votes = 1 if self.spec.joint else 3
        pixel = _CONVERSION_PRODUCTS[self.spec.space] + votes
        norm = {"none": 0, "l1": 1, "l2": 2}[self.spec.norm]
        return image_shape[0] * image_shape[1] * pixel + norm * self.spec.dimension

    def _batch_counts(self, images: NDArray[np.uint8]) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield the slice of each batch and its counts (images, dimension)."""
        size = batch_size(images.shape, _BATCH_PIXELS, self.spec.dimension)
        places, tables = self._places(size, *images.shape[1:3]), self._tables()
        for here, batch in batches(images, size):
            index = places[: len(batch)] + self._values(batch, tables)
            length = len(batch) * self.spec.dimension
            yield here, np.bincount(index.reshape(-1), minlength=length).reshape(len(batch), -1)

    def _places(self, n: int, height: int, width: int) -> NDArray[np.intp]:
        """Return where the histogram of each value begins: (n, pixels, channels).

        A joint histogram has one value per pixel, so the last axis then has length 1.
        """
        grid, bins = self.spec.grid, self.spec.channel_bins
        cells = _part_of(height, grid)[:, None] * grid + _part_of(width, grid)
        starts = np.array([0] if self.spec.joint else [0, bins[0], bins[0] + bins[1]])
        image = cells.reshape(-1, 1) * (self.spec.dimension // grid**2) + starts
        return (np.arange(n) * self.spec.dimension)[:, None, None] + image

    def _values(self, batch: NDArray[np.uint8], tables: NDArray[np.uint8]) -> NDArray[np.integer]:
        """Return the bin of each value within its histogram: (images, pixels, channels)."""
        n, height, width, _ = batch.shape
        pixels = batch.reshape(n * height, width, 3)
        conversion = _CONVERSIONS[self.spec.space]
        if conversion is not None:
            pixels = cv2.cvtColor(pixels, conversion)
        bins = cv2.LUT(pixels, tables).reshape(n, height * width, 3)
        if not self.spec.joint:
            return bins
        _, second, third = self.spec.channel_bins
        joined = bins[..., 0].astype(np.int32)
        joined *= second
        joined += bins[..., 1]
        joined *= third
        joined += bins[..., 2]
        return joined[..., None]

    @property
    def tops(self) -> tuple[int, int, int]:
        """The end of each channel's range."""
        return (_HUE if self.spec.space == "hsv" else 256, 256, 256)

    def _tables(self) -> NDArray[np.uint8]:
        """Return the bin of each value of each channel: (1, 256, 3) uint8."""
        tables = np.zeros((1, 256, 3), dtype=np.uint8)
        for channel, bins in enumerate(self.spec.channel_bins):
            top = self.tops[channel]
            edges = np.histogram_bin_edges([], bins, (0, top))
            found = np.searchsorted(edges, np.arange(top), side="right") - 1
            tables[0, :top, channel] = found
        return tables

    def _normalize(self, features: NDArray[np.float32]) -> None:
        """Normalize the histograms of (n, dimension) counts in place; none of them is empty."""
        if self.spec.norm != "none":
            size_of = _SIZES[self.spec.norm]
            for histogram in self.histograms(features):
                histogram /= size_of(histogram, axis=-1, keepdims=True)
        if self.spec.sqrt:
            np.sqrt(features, out=features)

    def histograms(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Split (n, dimension) into views (n, cells, bins): one per channel, or one if joint."""
        cells = features.reshape(len(features), self.spec.grid**2, -1)
        ends = [] if self.spec.joint else list(np.cumsum(self.spec.channel_bins)[:-1])
        return np.split(cells, ends, axis=-1)


def _part_of(length: int, parts: int) -> NDArray[np.intp]:
    """Return the part that each of `length` rows belongs to, as in ``numpy.array_split``."""
    sizes = [len(part) for part in np.array_split(np.arange(length), parts)]
    return np.repeat(np.arange(parts), sizes)
