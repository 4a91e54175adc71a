"""The compiled loop that turns products with atoms into pooled codes."""

from __future__ import annotations

import numpy as np
from numba.core import types
from numpy.typing import NDArray

from pipeline.features.compilation import compiled, inlined

_TILE = 256
"""Number of pairs of atoms at once: with a few columns of cells, their sums stay in the first-level
cache."""
_MATRIX, _VECTOR = types.float32[:, ::1], types.float32[::1]
_ZERO = np.float32(0)


@compiled(_MATRIX, _MATRIX, _VECTOR, _VECTOR, _MATRIX, _MATRIX, types.float32[:, :, :, ::1])
def pool_rows(
    even: NDArray[np.float32],
    odd: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the codes of some rows of patches to those of all cells.

    A product z has the code max(0, z - high) and the negative code max(0, low - z).

    Args:
        even: (patches, half), the parts e of the products e + o with atoms and e - o with their
            mirror images.
        odd: (patches, half), the parts o.
        low: (patches,), the thresholds.
        high: (patches,), the thresholds.
        rows: (cells, rows of patches), weights.
        columns: (cells, columns of patches), weights.
        out: (cells, cells, 4, half), added to: codes of the atoms, of their mirror images, and the
            negative codes of both.
    """
    cells, across = columns.shape
    half = even.shape[1]
    sums = np.empty((cells, 4, _TILE), dtype=np.float32)
    codes = np.empty((4, _TILE), dtype=np.float32)
    for first in range(0, half, _TILE):
        last = min(first + _TILE, half)
        for row in range(rows.shape[1]):
            sums[...] = 0
            for column in range(across):
                patch = row * across + column
                e, o = even[patch, first:last], odd[patch, first:last]
                _code(e, o, low[patch], high[patch], codes)
                for cell in range(cells):
                    _add(codes, columns[cell, column], last - first, sums[cell])
            for down in range(cells):
                for cell in range(cells):
                    _add(sums[cell], rows[down, row], last - first, out[down, cell, :, first:])


@inlined()
def _code(
    even: NDArray[np.float32],
    odd: NDArray[np.float32],
    low: np.float32,
    high: np.float32,
    codes: NDArray[np.float32],
) -> None:
    for k in range(even.size):
        straight, mirrored = even[k] + odd[k], even[k] - odd[k]
        codes[0, k] = max(straight - high, _ZERO)
        codes[1, k] = max(mirrored - high, _ZERO)
        codes[2, k] = max(low - straight, _ZERO)
        codes[3, k] = max(low - mirrored, _ZERO)


@inlined(fused=True)
def _add(
    numbers: NDArray[np.float32], weight: np.float32, count: int, sums: NDArray[np.float32]
) -> None:
    for part in range(4):
        for k in range(count):
            sums[part, k] += weight * numbers[part, k]
