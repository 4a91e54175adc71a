"""What both conventions of `hog` share: the options that shape a descriptor, in one record."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.features.hog.orientation_bins import Orientations


@dataclass(frozen=True)
class Layout:
    """Which gradients vote, and the cells and blocks that they vote in."""

    cells: tuple[int, ...]
    """Sides of a cell in pixels, one a scale."""
    block: int
    """Side of a block in cells."""
    orientations: Orientations
    strongest: bool
    """The channel that changes most votes, else the grey image."""
    compressed: bool
    """Gradients are those of the square root of the pixels."""
    block_norm: str

    def blocks_along(self, length: int, cell: int) -> int:
        """Return how many blocks fit in a side of `length` pixels."""
        return length // cell - self.block + 1

    def dimension(self, height: int, width: int) -> int:
        """Return how many numbers describe an image, all scales together."""
        each = self.block**2 * self.orientations.count
        return each * sum(
            self.blocks_along(height, cell) * self.blocks_along(width, cell) for cell in self.cells
        )
