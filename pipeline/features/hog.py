"""Histograms of oriented gradients (Dalal & Triggs 2005), many images at once."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.checks import StudyError, check_images
from pipeline.features.gradient_votes import (
    LUMINANCE_UNIT,
    Votes,
    compressed_votes,
    grey_votes,
    strongest_votes,
)
from pipeline.features.orientation_bins import Orientations
from pipeline.features.spec import Extractor, FeatureSpec, batch_size, batches

_BATCH_PIXELS = 1 << 17
"""Gradients are taken of this many pixels at once: 2 MB at most an array, near the processor."""
_PLACES_PIXELS = 1 << 14
"""Votes are counted in smaller parts, for they take three times the memory."""
_EPS = 1e-5
"""skimage's guard against division by zero in each norm."""
_CLIP = 0.2
"""Of L2-Hys; Lowe's value, kept by Dalal & Triggs."""


class Spec(FeatureSpec):
    """Options of the histograms of oriented gradients."""

    method: Literal["hog"] = "hog"
    """The name of this extractor."""
    cell: int = Field(default=8, ge=1, le=256)
    """Side of a cell in pixels. Rows and columns beyond the last whole cell cast no vote."""
    block: int = Field(default=2, ge=1, le=16)
    """Side of a block in cells; blocks overlap, moving by one cell."""
    orientations: int = Field(default=9, ge=1, le=36)
    """Bins of the angle, over 180 degrees, or over 360 if signed."""
    signed: bool = False
    """Tell a gradient from its opposite (dark to light from light to dark)."""
    channel: Literal["grey", "strongest"] = "grey"
    """What is differentiated: the luminance, or in each pixel the channel that changes most."""
    block_norm: Literal["L2-Hys", "L2", "L1", "L1-sqrt"] = "L2-Hys"
    """How a block is normalised; L2-Hys is L2, clipped at 0.2, and L2 again."""
    transform_sqrt: bool = False
    """Take the square root of the pixels first, against differences in illumination."""

    def build(self, seed: int) -> Hog:
        """Return the extractor; nothing in it is random."""
        return Hog(self)


class Hog(Extractor):
    """Histograms of oriented gradients, equal to ``skimage.feature.hog`` where that has the option.

    N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005,
    section 6: gradients by [-1, 0, 1] without smoothing (6.2), votes by magnitude into the
    orientation bins of a cell (6.3), overlapping normalised blocks (6.4).

    Departures from the paper, all of them skimage's: a pixel votes for one bin and one cell, where
    the paper interpolates between neighbours; no Gaussian window over a block; a cell's histogram
    is divided by its area. Signed orientations, which skimage lacks, are the same over 360°.

    ``channel="grey"`` equals ``hog(rgb2gray(image))``, ``"strongest"`` equals
    ``hog(image, channel_axis=-1)``, each within 1e-5.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Check that the images hold a block at least; there is nothing to learn."""
        self._check(images)
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the descriptors of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order.

        Returns:
            (n, blocks down · blocks across · block · block · orientations) float32, in that order,
            each in 0..1.

        Raises:
            StudyError: if `images` is something else, or smaller than a block.
        """
        self._check(images)
        spec = self.spec
        down, across = images.shape[1] // spec.cell, images.shape[2] // spec.cell
        gather = _block_members(down, across, spec.block, spec.orientations)
        features = np.empty((len(images), gather.size), dtype=np.float32)
        places = self._places(images.shape, down, across)
        size = batch_size(images.shape, _BATCH_PIXELS, gather.size)
        for here, batch in batches(images, size):
            cells = self._cell_histograms(self._votes(batch), places)
            blocks = cells.take(gather, axis=1).reshape(-1, spec.block**2 * spec.orientations)
            _normalise(blocks, spec.block_norm)
            features[here] = blocks.reshape(len(batch), -1)
        return features

    def _check(self, images: NDArray[np.uint8]) -> None:
        check_images(images)
        least = self.spec.cell * self.spec.block
        if min(images.shape[1:3]) < least:
            raise StudyError(
                f"hog: found images of {images.shape[1]}×{images.shape[2]} pixels; expected at "
                f"least {least}×{least}, for blocks of {self.spec.block} cells of "
                f"{self.spec.cell} pixels. Choose a smaller cell or block"
            )

    def _votes(self, batch: NDArray[np.uint8]) -> Votes:
        orientations = Orientations(self.spec.orientations, self.spec.signed)
        strongest = self.spec.channel == "strongest"
        if self.spec.transform_sqrt:
            return compressed_votes(batch, orientations, strongest)
        return (strongest_votes if strongest else grey_votes)(batch, orientations)

    def _places(self, shape: tuple[int, ...], down: int, across: int) -> NDArray[np.intp]:
        """Return, for each pixel of some images, where the histogram of its cell begins."""
        n, cell = max(1, _PLACES_PIXELS // (shape[1] * shape[2])), self.spec.cell
        first = np.arange(n * down * across) * self.spec.orientations
        pixels = np.broadcast_to(
            first.reshape(n, down, 1, across, 1), (n, down, cell, across, cell)
        )
        return pixels.reshape(n, down * cell, across * cell)

    def _cell_histograms(self, votes: Votes, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return (n, cells · orientations): the weights summed, divided by a cell's area."""
        step, height, width = places.shape
        bins, weights = (each[:, :height, :width] for each in votes)
        area = self.spec.cell**2
        length = height * width // area * self.spec.orientations
        cells = np.empty((len(bins), length), dtype=np.float32)
        for start in range(0, len(bins), step):
            part = bins[start : start + step]
            index = places[: len(part)] + part
            weight = weights[start : start + step].reshape(-1)
            sums = np.bincount(index.reshape(-1), weight, minlength=len(part) * length)
            cells[start : start + step] = sums.reshape(len(part), length)
        whole = self.spec.channel == "grey" and not self.spec.transform_sqrt
        cells *= (LUMINANCE_UNIT if whole else 1) / area
        return cells


def _block_members(down: int, across: int, block: int, orientations: int) -> NDArray[np.intp]:
    """Return where in an image's cell histograms each number of its blocks comes from."""
    cells = np.arange(down * across * orientations).reshape(down, across, orientations)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (block, block), axis=(0, 1))
    return windows.transpose(0, 1, 3, 4, 2).ravel()


def _normalise(blocks: NDArray[np.float32], norm: str) -> None:
    """Normalise each row of (blocks, numbers) in place; all numbers are >= 0."""
    if norm.startswith("L1"):
        blocks /= blocks.sum(axis=1, keepdims=True) + np.float32(_EPS)
        if norm == "L1-sqrt":
            np.sqrt(blocks, out=blocks)
        return
    _divide_by_length(blocks)
    if norm == "L2-Hys":
        np.minimum(blocks, np.float32(_CLIP), out=blocks)
        _divide_by_length(blocks)


def _divide_by_length(blocks: NDArray[np.float32]) -> None:
    squares = np.einsum("ij,ij->i", blocks, blocks)
    blocks /= np.sqrt(squares + np.float32(_EPS**2))[:, None]
