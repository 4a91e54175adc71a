"""Strokes that show the histograms of HOG's cells."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import as_rgb
from pipeline.features.hog.orientation_bins import Orientations

_SHORT, _LONG = 256, 512
"""Length of the picture's short side, and maximum length of its long one, in pixels."""
_DIMMED = 0.45
"""Brightness of the image below the strokes."""
_STROKE = np.array([255, 236, 90], dtype=np.float32)
"""Yellow, RGB: rare in photographs, and visible on any dimmed color."""
_FIXED = 4
"""Fractional bits of the coordinates passed to OpenCV."""


def draw_glyphs(
    image: NDArray[np.uint8],
    blocks: NDArray[np.float32],
    cell: int,
    orientations: Orientations,
) -> NDArray[np.uint8]:
    """Draw each cell's histogram as strokes through its center, over the dimmed image.

    A stroke runs along the edge, at a right angle to the gradient; the stronger the orientation,
    the longer and brighter the stroke. Opposite signed orientations share a stroke.

    Args:
        image: (height, width, 3) uint8 in RGB order, or (height, width, 1) in gray.
        blocks: (blocks down, blocks across, cells down, cells across, orientations), normalized.
        cell: side of a cell in pixels.
        orientations: the bins.

    Returns:
        (h, w, 3) uint8 in RGB order, the short side 256 pixels, the long one at most 512.
    """
    height, width = image.shape[:2]
    zoom = _SHORT / min(height, width)
    size = min(_LONG, round(width * zoom)), min(_LONG, round(height * zoom))
    large = cv2.resize(as_rgb(image), size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    scale = np.array([size[0] / width, size[1] / height])
    opacity = _strokes(cell_strengths(blocks), cell, scale, orientations, large.shape[:2])
    drawn = large * _DIMMED * (1 - opacity) + _STROKE * opacity
    return np.clip(np.round(drawn), 0, 255).astype(np.uint8)


def cell_strengths(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average each cell's histogram over its blocks, relative to the strongest value.

    Args:
        blocks: (blocks down, blocks across, cells down, cells across, orientations).

    Returns:
        (cells down, cells across, orientations) in 0..1.
    """
    down, across, block, _, count = blocks.shape
    sums = np.zeros((down + block - 1, across + block - 1, count), dtype=np.float32)
    members = np.zeros((*sums.shape[:2], 1), dtype=np.float32)
    for row in range(block):
        for column in range(block):
            here = slice(row, row + down), slice(column, column + across)
            sums[here] += blocks[:, :, row, column]
            members[here] += 1
    sums /= members
    strongest = sums.max()
    return sums / strongest if strongest > 0 else sums


def _strokes(
    strengths: NDArray[np.float32],
    cell: int,
    scale: NDArray[np.float64],
    orientations: Orientations,
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Return the opacity of the strokes: (height, width, 1) in 0..1."""
    period = np.pi * (1 + orientations.signed)
    gradient = (np.arange(orientations.count) + 0.5) * period / orientations.count
    edge = np.stack([-np.sin(gradient), np.cos(gradient)], axis=-1)  # x, y; y runs down
    opacity = np.zeros(shape, dtype=np.uint8)
    thickness = max(1, round(float(scale.min()) * cell / 32))
    for flat in np.argsort(strengths, axis=None):  # the strongest strokes on top
        row, column, bin_ = np.unravel_index(flat, strengths.shape)
        strength = float(strengths[row, column, bin_])
        if strength < 0.05:
            continue
        middle = (np.array([column, row]) + 0.5) * cell
        reach = edge[bin_] * cell * 0.48 * np.sqrt(strength)
        ends = [np.round((middle + side * reach) * scale * (1 << _FIXED)) for side in (-1, 1)]
        first, last = (tuple(int(number) for number in end) for end in ends)
        cv2.line(opacity, first, last, round(255 * strength), thickness, cv2.LINE_AA, _FIXED)
    return opacity[..., None].astype(np.float32) / np.float32(255)
