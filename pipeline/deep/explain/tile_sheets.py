"""Small pictures of one size, put on a sheet."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHEET = 384
"""Pixels that a sheet is at most wide, unless its tiles need more."""
GAP = 2
"""White pixels around tiles."""


def tile_sheet(tiles: NDArray[np.uint8], sheet: int = SHEET) -> NDArray[np.uint8]:
    """Lay tiles out in rows, from left to right, on white.

    Args:
        tiles: (n, height, width, 3) uint8 RGB; each pixel becomes a square of whole pixels.
        sheet: the width that is filled.

    Returns:
        (height, width, 3) uint8, nearly square.
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
