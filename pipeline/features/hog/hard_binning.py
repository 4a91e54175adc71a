"""Blocks of `hog` with hard binning, as in skimage: each pixel votes for one bin of one cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.features.hog.gradient_votes import (
    LUMINANCE_UNIT,
    Votes,
    compressed_votes,
    gray_votes,
    strongest_votes,
)
from pipeline.features.hog.layout import Layout

BATCH_PIXELS = 1 << 18
"""Number of pixels per batch: their votes take 1.3 MB. Smaller batches would fit in a core's cache,
but deciding the few uncertain votes takes almost as long for a small batch as for a large one."""


class HardBinnedBlocks:
    """Descriptors of images of one size; for one thread, because it reuses its arrays.

    Memory that is new for each batch would cost as much time as the votes that are written to it.
    """

    def __init__(self, layout: Layout, height: int, width: int) -> None:
        self._layout = layout
        self._bins = np.empty((0, height, width), dtype=np.uint8)
        self._weights = np.empty((0, height, width), dtype=np.float32)
        self._cells = [(height // cell, width // cell) for cell in layout.cells]

    def describe(self, batch: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        """Write the descriptors of a batch.

        Args:
            batch: (n, height, width, 3) RGB or (n, height, width, 1) gray, contiguous.
            out: (n, numbers), one scale after the other.
        """
        from pipeline.features.hog import compiled_blocks

        layout, start = self._layout, 0
        count, block = layout.orientations.count, layout.block
        votes = self._votes(batch)
        norm = compiled_blocks.NORMS.index(layout.block_norm)
        for cell, (down, across) in zip(layout.cells, self._cells, strict=True):
            stop = start + (down - block + 1) * (across - block + 1) * block**2 * count
            unit = np.float32(self._unit(batch.shape[3]) / cell**2)
            compiled_blocks.normalized_blocks(*votes, cell, block, count, unit, norm, out, start)
            start = stop

    @property
    def vote_products(self) -> int:
        """Votes per image, plus one division by the cell's area for each bin of each cell."""
        count = self._layout.orientations.count
        return sum(
            down * across * (cell**2 + count)
            for cell, (down, across) in zip(self._layout.cells, self._cells, strict=True)
        )

    def _unit(self, channels: int) -> float:
        """Return what the weights of votes are multiplied by, so that the luminance is in 0..1."""
        if self._layout.strongest or self._layout.compressed:
            return 1
        return 1 / 255 if channels == GRAY else LUMINANCE_UNIT

    def _votes(self, batch: NDArray[np.uint8]) -> Votes:
        orientations, strongest = self._layout.orientations, self._layout.strongest
        if len(self._bins) < len(batch):
            self._bins = np.empty(batch.shape[:3], dtype=np.uint8)
            self._weights = np.empty(batch.shape[:3], dtype=np.float32)
        votes = self._bins[: len(batch)], self._weights[: len(batch)]
        if self._layout.compressed:
            compressed_votes(batch, orientations, strongest, votes)
        else:
            # Gray images need no luminance: their differences are whole numbers, as channels' are.
            single = strongest or batch.shape[3] == GRAY
            (strongest_votes if single else gray_votes)(batch, orientations, votes)
        return votes
