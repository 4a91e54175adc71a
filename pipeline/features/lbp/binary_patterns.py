"""Local binary patterns of many images at once: the numerical part of `lbp`.

The rules are those of ``skimage.feature.local_binary_pattern`` (0.26), pixel for pixel. Neighbor i
of P is at the angle 360° · i / P, counterclockwise from the right; its offset is rounded to five
digits; its value is interpolated between four pixels, with 0 outside the image; its bit is set if
it is at least as bright as the center. In flat areas the last digit of that value decides, so the
interpolation uses float64 and skimage's steps in their order.

Arrays here have the images on the last axis, so that each step runs over long contiguous memory.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def binary_patterns(planes: NDArray[np.uint8], points: int, radius: float) -> NDArray[np.uint16]:
    """Return the pattern of each pixel as a binary number.

    Args:
        planes: (height, width, n) uint8 gray images.
        points: number of neighbors, at most 16.
        radius: of their circle, in pixels.

    Returns:
        (height, width, n) uint16; bit i is neighbor i.
    """
    down, across = neighbor_offsets(points, radius)
    margin = int(np.ceil(np.float32(radius)))
    center = planes.astype(np.float64)
    padded = np.pad(center, ((margin, margin), (margin, margin), (0, 0)))
    patterns = np.zeros(planes.shape, dtype=np.uint16)
    for column in np.unique(across):
        strip = _between(padded, float(column), margin, axis=1)
        for point in np.flatnonzero(across == column):
            bits = _between(strip, float(down[point]), margin, axis=0) >= center
            patterns |= bits.astype(np.uint16) << np.uint16(point)
    return patterns


def neighbor_offsets(points: int, radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the offsets (points,) of neighbors from their pixel, down and to the right."""
    radius = float(np.float32(radius))  # skimage's is a C float
    angles = 2 * np.pi * np.arange(points, dtype=np.float64) / points
    return np.round(-radius * np.sin(angles), 5), np.round(radius * np.cos(angles), 5)


def _between(
    padded: NDArray[np.float64], offset: float, margin: int, axis: int
) -> NDArray[np.float64]:
    """Interpolate at `offset` from each pixel along an axis, and remove that axis's margin."""
    length = padded.shape[axis] - 2 * margin
    low, high = int(np.floor(offset)), int(np.ceil(offset))

    def shifted(by: int) -> NDArray[np.float64]:
        here = slice(margin + by, margin + by + length)
        return padded[(here, slice(None)) if axis == 0 else (slice(None), here)]

    if low == high:
        return shifted(low)
    # Not simply offset - low: skimage adds the pixel's position, and the rounding depends on it.
    place = np.arange(length) + offset
    share = (place - np.floor(place)).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    value = (1 - share) * shifted(low)
    value += share * shifted(high)
    return value


@lru_cache(maxsize=8)
def pattern_labels(points: int, method: str) -> tuple[NDArray[np.uint16], int]:
    """Return the label of each of the 2^points patterns, and the number of labels.

    Args:
        points: number of neighbors.
        method: one of the methods of ``skimage.feature.local_binary_pattern``: `default` is the
            pattern itself, `ror` the smallest of its rotations, `uniform` the number of set bits
            or, with more than two changes between adjacent bits, points + 1; `nri_uniform`
            distinguishes the rotations of uniform patterns.

    Returns:
        (2^points,) uint16, numbered without gaps (for `ror` unlike skimage, whose labels are the
        patterns themselves, in the same order), and the number of labels.
    """
    patterns = np.arange(1 << points)
    bits = patterns[:, None] >> np.arange(points) & 1
    if method == "ror":
        rotated = [patterns >> by | (patterns << (points - by)) for by in range(points)]
        least = np.min(np.stack(rotated) & ((1 << points) - 1), axis=0)
        values, labels = np.unique(least, return_inverse=True)
        return labels.astype(np.uint16), len(values)
    if method == "default":
        return patterns.astype(np.uint16), 1 << points
    ones = bits.sum(axis=1)
    uniform = np.abs(np.diff(bits, axis=1)).sum(axis=1) <= 2
    if method == "uniform":
        return np.where(uniform, ones, points + 1).astype(np.uint16), points + 2
    labels = 1 + (ones - 1) * points + _rotation(bits, ones)
    labels = np.where(ones == 0, 0, np.where(ones == points, points * (points - 1) + 1, labels))
    other = points * (points - 1) + 2
    return np.where(uniform, labels, other).astype(np.uint16), other + 1


def _rotation(bits: NDArray[np.int64], ones: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the rotations of uniform patterns from 0, as skimage does."""
    first_one, first_zero = bits.argmax(axis=1), (1 - bits).argmax(axis=1)
    return np.where(first_one == 0, ones - first_zero, bits.shape[1] - first_one)
