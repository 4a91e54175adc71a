"""Blocks of `hog` with trilinear interpolation between bins and cells, as in Dalal and Triggs.

Bin i of n is centered at (i + ½) · 180°/n, or 360°/n if signed; a pixel's magnitude is divided by
the distance of its angle from the two nearest centers. Gradients are central differences, zero at
the border (OpenCV reflects the image about its outermost pixels, which is equivalent).

The weight of a pixel in a cell of a block is a Gaussian times the interpolation weight, and factors
into a number for its row and one for its column. So the votes of a row of blocks are first summed
down each column of pixels, and these sums across the columns of each block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.features.hog.layout import Layout

BATCH_PIXELS = 1 << 16
"""Number of pixels per batch: their votes take 590 KB, about a core's cache."""


class InterpolatedBlocks:
    """Descriptors of images of one size; for one thread, because it reuses its arrays.

    Memory that is new for each batch would cost as much time as the votes that are written to it.
    """

    def __init__(self, layout: Layout, height: int, width: int) -> None:
        self._layout = layout
        self._height, self._width = height, width
        self._bins = np.empty((0, height, width), dtype=np.uint8)
        self._parts = np.empty((2, 0, height, width), dtype=np.float32)
        self._weights = [_weights(cell, layout.block, layout.centered) for cell in layout.cells]

    def describe(self, batch: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        """Write the descriptors of a batch.

        Args:
            batch: (n, height, width, 3) RGB or (n, height, width, 1) gray, contiguous.
            out: (n, numbers), one scale after the other.
        """
        from pipeline.features.hog import compiled_blocks, compiled_votes

        layout, orientations = self._layout, self._layout.orientations
        n, count = len(batch), orientations.count
        if len(self._bins) < n:
            self._bins = np.empty(batch.shape[:3], dtype=np.uint8)
            self._parts = np.empty((2, *batch.shape[:3]), dtype=np.float32)
        votes = self._bins[:n], self._parts[0, :n], self._parts[1, :n]
        per_radian = np.float32(count / (np.pi * (1 + orientations.signed)))
        pixels = batch.reshape(n, -1), self._height, self._width
        options = (
            not layout.strongest or batch.shape[3] == GRAY,
            layout.compressed,
            per_radian,
            count,
        )
        flat = [part.reshape(n, -1) for part in votes]
        compiled_votes.divided_votes(*pixels, *options, *flat)
        start = 0
        for cell, weights in zip(layout.cells, self._weights, strict=True):
            blocks = layout.blocks_along(self._height, cell) * layout.blocks_along(
                self._width, cell
            )
            stop = start + blocks * layout.block**2 * count
            compiled_blocks.interpolated_blocks(*votes, count, cell, weights, out, start)
            start = stop

    @property
    def vote_products(self) -> int:
        """Products that turn the magnitudes of an image into votes.

        A magnitude is divided between two bins (two products per pixel); each part is then
        multiplied by one weight for up to four cells of each block that contains the pixel.
        """
        layout = self._layout
        places = 0
        for cell, weights in zip(layout.cells, self._weights, strict=True):
            blocks = layout.blocks_along(self._height, cell) * layout.blocks_along(
                self._width, cell
            )
            places += blocks * int(np.count_nonzero(weights)) ** 2
        return 2 * self._height * self._width + 2 * places


def _weights(cell: int, block: int, centered: bool) -> NDArray[np.float32]:
    """Return the weights of the pixels along a block's side in each of its cells: (block, side).

    The standard deviation of the Gaussian is a quarter of the block's side; unless it is centered,
    its center is pixel side / 2, half a pixel beyond the block's center, as in OpenCV. A pixel is
    divided between the two nearest cells by its distance from their centers; any part for a cell
    outside the block is lost.
    """
    side = cell * block
    pixels = np.arange(side)
    middle = (side - 1) / 2 if centered else side / 2
    gaussian = np.exp(-((pixels - middle) ** 2) / (2 * (side / 4) ** 2))
    places = (pixels + 0.5) / cell - 0.5
    shares = np.maximum(0, 1 - np.abs(places - np.arange(block)[:, None]))
    return (shares * gaussian).astype(np.float32)
