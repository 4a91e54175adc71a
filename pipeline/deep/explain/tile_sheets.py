"""Small pictures of equal size, arranged on a sheet."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHEET = 384
"""Maximum width of a sheet in pixels, unless its tiles need more."""
GAP = 2
"""White pixels around tiles."""


def tile_sheet(tiles: NDArray[np.uint8], sheet: int = SHEET) -> NDArray[np.uint8]:
    """Arrange tiles in rows, from left to right, on a white background.

    Args:
        tiles: (n, height, width, 3) uint8 RGB; they are enlarged by a whole factor.
        sheet: target width in pixels.

    Returns:
        (height, width, 3) uint8, with about as many rows of tiles as columns.
    """
    n, height, width, _ = tiles.shape
    columns = math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    zoom = max(1, (sheet - GAP * (columns + 1)) // (columns * max(height, width)))
    large = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    step = (height * zoom + GAP, width * zoom + GAP)
    found = np.full((rows * step[0] + GAP, columns * step[1] + GAP, 3), 255, dtype=np.uint8)
    for place, tile in enumerate(large):
        y, x = (GAP + each * at for each, at in zip(step, divmod(place, columns), strict=True))
        found[y : y + len(tile), x : x + tile.shape[1]] = tile
    return found
