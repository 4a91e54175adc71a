"""Blocks of `hog` with hard binning, as in skimage: each pixel votes for one bin of one cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.features.hog.block_normalization import normalize
from pipeline.features.hog.gradient_votes import (
    LUMINANCE_UNIT,
    Votes,
    compressed_votes,
    gray_votes,
    strongest_votes,
)
from pipeline.features.hog.layout import Layout

BATCH_PIXELS = 1 << 17
"""Number of pixels per batch of gradients: at most 2 MB per array, which fits in the cache."""
_PLACES_PIXELS = 1 << 14
"""Votes are counted in smaller parts because they take three times the memory."""


class HardBinnedBlocks:
    """Descriptors of images of one size."""

    def __init__(self, layout: Layout, height: int, width: int) -> None:
        self._layout = layout
        self._scales = [_Scale(layout, cell, height, width) for cell in layout.cells]

    def describe(self, batch: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
        """Yield the (n, numbers) descriptors of (n, height, width, 3) RGB images for each scale."""
        votes = self._votes(batch)
        whole = not (self._layout.strongest or self._layout.compressed)
        for scale in self._scales:
            cells = scale.histograms(votes)
            cells *= (LUMINANCE_UNIT if whole else 1) / scale.area
            blocks = cells.take(scale.members, axis=1).reshape(-1, scale.block_length)
            normalize(blocks, self._layout.block_norm)
            yield blocks.reshape(len(batch), -1)

    @property
    def vote_products(self) -> int:
        """Votes per image, plus one division by the cell's area for each bin of each cell."""
        return sum(scale.votes + scale.bins for scale in self._scales)

    def _votes(self, batch: NDArray[np.uint8]) -> Votes:
        orientations, strongest = self._layout.orientations, self._layout.strongest
        if self._layout.compressed:
            return compressed_votes(batch, orientations, strongest)
        return (strongest_votes if strongest else gray_votes)(batch, orientations)


class _Scale:
    """Where votes are counted, for one image size and one cell size."""

    def __init__(self, layout: Layout, cell: int, height: int, width: int) -> None:
        down, across = height // cell, width // cell
        count = layout.orientations.count
        self.area = cell**2
        self.block_length = layout.block**2 * count
        self.members = _block_members(down, across, layout.block, count)
        self._length = self.bins = down * across * count
        self.votes = down * across * self.area
        n = max(1, _PLACES_PIXELS // (height * width))
        first = np.arange(n * down * across) * count
        pixels = np.broadcast_to(
            first.reshape(n, down, 1, across, 1), (n, down, cell, across, cell)
        )
        self._places = pixels.reshape(n, down * cell, across * cell)
        """For each pixel of a few images, the index where its cell's histogram begins."""

    def histograms(self, votes: Votes) -> NDArray[np.float32]:
        """Return (n, cells · orientations): sums of weights."""
        step, height, width = self._places.shape
        bins, weights = (each[:, :height, :width] for each in votes)
        cells = np.empty((len(bins), self._length), dtype=np.float32)
        for start in range(0, len(bins), step):
            part = bins[start : start + step]
            index = self._places[: len(part)] + part
            weight = weights[start : start + step].reshape(-1)
            sums = np.bincount(index.reshape(-1), weight, minlength=len(part) * self._length)
            cells[start : start + step] = sums.reshape(len(part), self._length)
        return cells


def _block_members(down: int, across: int, block: int, orientations: int) -> NDArray[np.intp]:
    """Return the index into an image's cell histograms for each number of its blocks."""
    cells = np.arange(down * across * orientations).reshape(down, across, orientations)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (block, block), axis=(0, 1))
    return windows.transpose(0, 1, 3, 4, 2).ravel()
