"""The orientation and the weight of each pixel's vote: the first half of hard binning in `hog`.

A vote consists of a bin, for the angle of the pixel's gradient, and a weight, its magnitude.
Gradients are central differences, zero at the border, as in ``skimage.feature.hog``. Two facts make
it cheap to match skimage exactly:

* Differences of 8-bit channels are integers in -255..255, so a table can hold all decisions.
* Luminance times 10,000 · 255 is 2125 R + 7154 G + 721 B, an integer below 2^24, which float32
  represents exactly. Bins are looked up by the ratio y / (|x| + |y|), which increases with the
  angle. A few pixels are decided by skimage's formula on its luminance: those whose table entry
  contains an edge, and those that are off an edge only by the rounding of skimage's luminance.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray

from pipeline.features.hog.orientation_bins import (
    AXIS,
    BIN,
    NEAR,
    Orientations,
    difference_table,
    ratio_bins,
)

Votes = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Bins (n, height, width) uint8 and weights (n, height, width) float32."""

LUMINANCE_UNIT = 1 / (10_000 * 255)
"""The unit of the weights of `gray_votes`."""

_LUMINANCE = np.array([[2125, 7154, 721]], dtype=np.float32)
"""The weights of ``rgb2gray`` (ITU-R BT.709) times 10,000."""


def strongest_votes(images: NDArray[np.uint8], orientations: Orientations) -> Votes:
    """Return the votes of the channel with the largest gradient, or the first of equal ones.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins.

    Returns:
        Bins and weights, the weights in units of the 8-bit channels.
    """
    table, magnitudes = difference_table(orientations)
    best = np.full(images.shape[:3], -1, dtype=np.int32)
    for channel in range(3):
        y, x = _differences(images[..., channel].astype(np.int16))
        index = np.multiply(y, 511, dtype=np.int32)
        index += x
        index += 511 * 255 + 255
        entry = table.take(index)
        entry += (2 - channel) << 6
        np.maximum(best, entry, out=best)
    return (best & BIN).astype(np.uint8), magnitudes.take(best >> 8)


def gray_votes(images: NDArray[np.uint8], orientations: Orientations) -> Votes:
    """Return the votes of the luminance.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins.

    Returns:
        Bins and weights, the weights times `LUMINANCE_UNIT` in units of luminance in 0..1.
    """
    # Sums of integers are exact in any order, so the fastest product can be used.
    luminance = cv2.transform(images.reshape(-1, *images.shape[2:]).astype(np.float32), _LUMINANCE)
    y, x = _differences(luminance.reshape(images.shape[:3]))
    bins = ratio_bins(y, x, orientations)
    doubtful = np.flatnonzero(bins >= NEAR)
    doubtful = np.concatenate([doubtful, _rounding_alone(images, y, x, orientations)])
    bins &= BIN
    weights = _magnitudes(y, x)
    _decide((bins, weights), doubtful, *_luminance_differences(images, doubtful), orientations)
    return bins, weights


def compressed_votes(
    images: NDArray[np.uint8], orientations: Orientations, strongest: bool
) -> Votes:
    """Return the votes of the square root of the luminance or of the strongest channel.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins.
        strongest: use the channel with the largest gradient, instead of the luminance.

    Returns:
        Bins and weights, in units of the square root of 8-bit channels, or of luminance in 0..1.
    """
    if strongest:
        y, x = _strongest_differences(np.sqrt(np.arange(256.0))[images])
    else:
        y, x = _differences(np.sqrt(rgb2gray(images)))
    short_y, short_x = y.astype(np.float32), x.astype(np.float32)
    bins = ratio_bins(short_y, short_x, orientations)
    doubtful = np.flatnonzero(bins >= AXIS)
    exact_y, exact_x = y.ravel()[doubtful], x.ravel()[doubtful]
    inside = (exact_y != 0) & (exact_x != 0)  # exactly on an axis, the table is correct
    bins &= BIN
    weights = _magnitudes(short_y, short_x)
    _decide((bins, weights), doubtful[inside], exact_y[inside], exact_x[inside], orientations)
    return bins, weights


def _rounding_alone(
    images: NDArray[np.uint8], y: NDArray, x: NDArray, orientations: Orientations
) -> NDArray[np.intp]:
    """Find zero differences between different colors: in float64 they are not exactly zero.

    Colors with equal luminance and equal green are equal: their 2125 R + 721 B also agree, and
    because 2125 and 721 have no common divisor and exceed 255, so do R and B.
    """
    green = cv2.extractChannel(images.reshape(-1, *images.shape[2:]), 1).reshape(-1)
    found = _zero_of_unlike(y, green, images.shape[2])
    found[:, 0] = found[:, -1] = False
    beside = orientations.bins(np.ones(2), np.array([-1e-9, 1e-9]))
    if beside[0] != beside[1]:  # 90° is an edge
        across = _zero_of_unlike(x, green, 1)
        across[:, :, 0] = across[:, :, -1] = False
        found |= across
    return np.flatnonzero(found)


def _zero_of_unlike(
    difference: NDArray[np.float32], green: NDArray[np.uint8], step: int
) -> NDArray[np.bool_]:
    """Mark where a difference is 0 although the greens `step` pixels before and after differ."""
    found = np.zeros(difference.shape, dtype=bool)
    inner = found.reshape(-1)[step:-step]
    np.not_equal(green[2 * step :], green[: -2 * step], out=inner)
    inner &= difference.reshape(-1)[step:-step] == 0
    return found


def _luminance_differences(
    images: NDArray[np.uint8], positions: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return skimage's float64 gradients (y, x) at `positions`; 0 at the border.

    ``rgb2gray`` computes a matrix product for each row of an image, so it gets whole rows: its last
    digit then does not depend on the choice of rows.
    """
    width = images.shape[2]
    row, column = np.divmod(positions, width)
    rows, place = np.unique(row[:, None] + [-1, 0, 1], return_inverse=True)
    rows = np.clip(rows, 0, images.shape[0] * images.shape[1] - 1)
    gray = rgb2gray(images.reshape(-1, width, 3)[rows])
    above, here, below = place.reshape(-1, 3).T
    y = gray[below, column] - gray[above, column]
    x = gray[here, np.minimum(column + 1, width - 1)] - gray[here, np.maximum(column - 1, 0)]
    height = images.shape[1]
    y[(row % height == 0) | (row % height == height - 1)] = 0
    x[(column == 0) | (column == width - 1)] = 0
    return y, x


def _differences(planes: NDArray) -> tuple[NDArray, NDArray]:
    """Return the next minus the previous pixel of (n, h, w) planes, down (y) and across (x)."""
    y, x = np.empty_like(planes), np.empty_like(planes)
    np.subtract(planes[:, 2:], planes[:, :-2], out=y[:, 1:-1])
    y[:, 0] = y[:, -1] = 0
    # A single subtraction over all rows is much faster than one per row.
    flat = planes.reshape(-1)
    np.subtract(flat[2:], flat[:-2], out=x.reshape(-1)[1:-1])
    x[:, :, 0] = x[:, :, -1] = 0
    return y, x


def _strongest_differences(planes: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Return the differences of the channel with the largest ``np.hypot``; first among equals."""
    y, x = _differences(np.ascontiguousarray(planes[..., 0]))
    largest = np.hypot(y, x)
    for channel in (1, 2):
        other_y, other_x = _differences(np.ascontiguousarray(planes[..., channel]))
        other = np.hypot(other_y, other_x)
        larger = other > largest
        for kept, candidate in ((y, other_y), (x, other_x), (largest, other)):
            np.copyto(kept, candidate, where=larger)
    return y, x


def _magnitudes(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    # Not cv2.magnitude: its last digit depends on a pixel's position in memory.
    squares = y * y
    squares += x * x
    return np.sqrt(squares, out=squares)


def _decide(
    votes: Votes,
    positions: NDArray[np.intp],
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    orientations: Orientations,
) -> None:
    """Correct the votes at `positions` in place, using their float64 gradients."""
    bins, weights = votes
    decided = orientations.bins(y, x)
    lost = decided == orientations.count
    bins.reshape(-1)[positions] = np.where(lost, 0, decided)
    weights.reshape(-1)[positions[lost]] = 0
