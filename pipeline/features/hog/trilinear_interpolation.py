"""Blocks of `hog` with trilinear interpolation between bins and cells, as in Dalal and Triggs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.features.hog.block_normalization import normalize_as_opencv
from pipeline.features.hog.layout import Layout
from pipeline.features.hog.trilinear_votes import InterpolatedVotes, interpolated_votes

BATCH_PIXELS = 1 << 15
"""Number of pixels per batch of gradients; their arrays fit in the cache."""
_VOTES = 1 << 16
"""Number of votes to process at once, in whole columns: 256 KB, which fits in the cache."""


class InterpolatedBlocks:
    """Descriptors of images of one size.

    The weight of a pixel in a cell of a block is a Gaussian times the interpolation weight, and
    factors into a number for its row and one for its column. So two matrix products, one down the
    image and one across, give all blocks of a batch.
    """

    def __init__(self, layout: Layout, height: int, width: int) -> None:
        self._layout = layout
        self._width = width
        self._down = [_weights(layout, cell, height) for cell in layout.cells]
        self._across = [_weights(layout, cell, width) for cell in layout.cells]

    def describe(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """Yield the (n, numbers) descriptors of (n, height, width, 3) RGB images for each scale."""
        layout, n = self._layout, len(batch)
        votes = interpolated_votes(batch, layout.orientations, layout.strongest, layout.compressed)
        rows = self._sums_down(votes, batch.shape)
        start = 0
        for down, across in zip(self._down, self._across, strict=True):
            stop = start + len(down)
            sums = np.matmul(across, rows[start:stop])
            start = stop
            shape = (-1, layout.block, len(across) // layout.block, layout.block, n)
            parts = sums.reshape(*shape, layout.orientations.count).transpose(4, 0, 2, 1, 3, 5)
            blocks = parts.reshape(-1, layout.block**2 * layout.orientations.count)
            normalize_as_opencv(blocks)
            yield blocks.reshape(n, -1)

    @property
    def vote_products(self) -> int:
        """Products that turn the magnitudes of an image into votes.

        A magnitude is divided between two bins (two products per pixel); each part is then
        multiplied by one weight for up to four cells of each block that contains the pixel.
        """
        height, width = self._down[0].shape[1], self._across[0].shape[1]
        places = [
            np.count_nonzero(down) * np.count_nonzero(across)
            for down, across in zip(self._down, self._across, strict=True)
        ]
        return 2 * height * width + 2 * int(sum(places))

    def _sums_down(self, votes: InterpolatedVotes, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Sum down the rows of pixels: (rows of cells of all blocks, width, n · orientations)."""
        n, height, width, _ = shape
        length = n * self._layout.orientations.count
        weights = np.concatenate(self._down)
        sums = np.empty((len(weights), width, length), dtype=np.float32)
        step = max(1, _VOTES // (height * length))
        for first in range(0, width, step):
            part = weights @ votes.columns(first, first + step)
            sums[:, first : first + step] = part.reshape(len(weights), -1, length)
        return sums


def _weights(layout: Layout, cell: int, length: int) -> NDArray[np.float32]:
    """Return a pixel's weight along one side, in each cell of each block: (blocks · block, length).

    The standard deviation of the Gaussian is a quarter of the block's side; its center is pixel
    side / 2, half a pixel beyond the block's center, as in OpenCV. A pixel is divided between the
    two nearest cells by its distance from their centers; any part for a cell outside the block is
    lost.
    """
    side = cell * layout.block
    pixels = np.arange(side)
    gaussian = np.exp(-((pixels - side / 2) ** 2) / (2 * (side / 4) ** 2))
    places = (pixels + 0.5) / cell - 0.5
    shares = np.maximum(0, 1 - np.abs(places - np.arange(layout.block)[:, None]))
    blocks = layout.blocks_along(length, cell)
    weights = np.zeros((blocks, layout.block, length), dtype=np.float32)
    for block in range(blocks):
        weights[block, :, block * cell : block * cell + side] = shares * gaussian
    return weights.reshape(blocks * layout.block, length)
