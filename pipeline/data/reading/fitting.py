"""How an image of any shape becomes a square, by cropping, padding, or squashing; and gray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import as_gray
from pipeline.data.reading.deskew import deskewed
from pipeline.resizing import Sides, resize

Fit = Literal["crop", "pad", "squash"]
"""crop: the center square; pad: the whole image on a gray square; squash: the whole image, with
its aspect ratio changed."""
Channels = Literal["rgb", "gray"]
FILL = 128
"""The gray of `pad`, which is about the mean of photographs."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of an image, in pixels."""
TRANSPOSED = (5, 6, 7, 8)
"""EXIF orientations whose rows are columns of the upright image."""
_FROM_BOTTOM, _FROM_RIGHT = (3, 4, 7, 8), (2, 3, 6, 7)
"""Orientations whose upright image is reversed from top to bottom, or from left to right."""


@dataclass(frozen=True)
class Target:
    """The square image that is made of each file."""

    size: int
    """Its side in pixels."""
    fit: Fit = "squash"
    fill: int = FILL
    """Gray level, 0 to 255, of what `pad` adds."""
    channels: Channels = "rgb"
    """rgb: three; gray: one, the luma (ITU-R BT.601) of colors."""
    deskew: bool = False
    """Whether to undo the slant of a bright figure on black; only of gray images."""

    def box(self, width: int, height: int, orientation: int) -> Box:
        """Return the part of an image that is used, as it lies in the file.

        Args:
            width: of the image in the file, in pixels.
            height: the same.
            orientation: EXIF's, 1 to 8. If the longer side has an odd number of pixels too many,
                the upright image loses one more at its right or bottom, however it is stored.
        """
        if self.fit != "crop" or width == height:
            return 0, 0, width, height
        side, extra = min(width, height), abs(width - height)
        before = extra // 2
        lies = (width > height) != (orientation in TRANSPOSED)
        if orientation in (_FROM_RIGHT if lies else _FROM_BOTTOM):
            before = extra - before
        left, top = (before, 0) if width > height else (0, before)
        return left, top, left + side, top + side

    def inside(self, width: int, height: int) -> Sides:
        """Return the sides to which an image, or its box, is resized: one is `size` at least."""
        if self.fit != "pad":
            return self.size, self.size
        scale = self.size / max(width, height)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize an upright image (height, width, 3), or its box, to (size, size, 3)."""
        height, width = pixels.shape[:2]
        rows, columns = self.inside(width, height)
        pixels = resize(pixels, (rows, columns))
        if rows == columns == self.size:
            return pixels
        square = np.full((self.size, self.size, 3), self.fill, dtype=np.uint8)
        top, left = (self.size - rows) // 2, (self.size - columns) // 2
        square[top : top + rows, left : left + columns] = pixels
        return square

    def stored(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a square (size, size, 3) into what is stored of it, (size, size, channels)."""
        if self.channels == "rgb":
            return pixels
        gray = as_gray(pixels)
        return deskewed(gray) if self.deskew else gray
