"""The options that determine a descriptor's layout, for both conventions of `hog`."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.features.hog.orientation_bins import Orientations


@dataclass(frozen=True)
class Layout:
    """Which gradients vote, and the cells and blocks that they vote in."""

    cells: tuple[int, ...]
    """Sides of cells in pixels, one per scale."""
    block: int
    """Side of a block in cells."""
    orientations: Orientations
    strongest: bool
    """Take gradients of the channel with the largest one, instead of the gray image."""
    compressed: bool
    """Take gradients of the square root of the pixels."""
    block_norm: str
    centered: bool
    """Center the Gaussian on the block, instead of half a pixel beyond."""

    def blocks_along(self, length: int, cell: int) -> int:
        """Return how many blocks fit along a side of `length` pixels."""
        return length // cell - self.block + 1

    def dimension(self, height: int, width: int) -> int:
        """Return the length of an image's descriptor, over all scales."""
        each = self.block**2 * self.orientations.count
        return each * sum(
            self.blocks_along(height, cell) * self.blocks_along(width, cell) for cell in self.cells
        )
