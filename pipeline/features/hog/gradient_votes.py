"""Which orientation each pixel votes for, and how strongly: the first half of `hog`.

A vote is a bin, that of the angle of the pixel's gradient, and a weight, its magnitude. Gradients
are central differences, zero at the border, as in ``skimage.feature.hog``. Two facts make skimage's
exact decisions cheap:

* Differences of 8-bit channels are whole numbers in -255..255: a table holds all decisions.
* Luminance times 10,000 · 255 is 2125 R + 7154 G + 721 B, a whole number below 2^24, which float32
  holds exactly. Bins are looked up by the ratio y / (|x| + |y|), which grows with the angle. The
  few pixels whose entry of the table holds an edge, and those that only the rounding of skimage's
  luminance takes off an edge, are decided by its formula on its luminance.
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
"""What the weights of `grey_votes` count."""

_LUMINANCE = np.array([[2125, 7154, 721]], dtype=np.float32)
"""The weights of ``rgb2gray`` (ITU-R BT.709) times 10,000."""


def strongest_votes(images: NDArray[np.uint8], orientations: Orientations) -> Votes:
    """Let the channel with the largest gradient vote, the first one of equals.

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


def grey_votes(images: NDArray[np.uint8], orientations: Orientations) -> Votes:
    """Let the luminance vote.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins.

    Returns:
        Bins and weights, the weights times `LUMINANCE_UNIT` in units of luminance in 0..1.
    """
    # Whole numbers: no order of summing rounds, so the fastest product will do.
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
    """Let the square root of the luminance vote, or of the channel with the largest gradient.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins.
        strongest: channels, else luminance.

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
    inside = (exact_y != 0) & (exact_x != 0)  # on an axis itself the table is right
    bins &= BIN
    weights = _magnitudes(short_y, short_x)
    _decide((bins, weights), doubtful[inside], exact_y[inside], exact_x[inside], orientations)
    return bins, weights


def _rounding_alone(
    images: NDArray[np.uint8], y: NDArray, x: NDArray, orientations: Orientations
) -> NDArray[np.intp]:
    """Find zero differences of unlike colours: in float64 they are not quite zero.

    Colours of one luminance and the same green are the same colour: 2125 R + 721 B then agree too,
    and as 2125 and 721 have no common divisor and exceed 255, so do R and B.
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
    """Say where a difference is 0, though `step` pixels before and after the greens differ."""
    found = np.zeros(difference.shape, dtype=bool)
    inner = found.reshape(-1)[step:-step]
    np.not_equal(green[2 * step :], green[: -2 * step], out=inner)
    inner &= difference.reshape(-1)[step:-step] == 0
    return found


def _luminance_differences(
    images: NDArray[np.uint8], positions: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the float64 gradients (y, x) that skimage has at some pixels, off the border.

    ``rgb2gray`` is a matrix product for each row of an image, so it is given whole rows: its last
    digit then does not depend on which rows they are.
    """
    width = images.shape[2]
    row, column = np.divmod(positions, width)
    rows, place = np.unique(row[:, None] + [-1, 0, 1], return_inverse=True)
    rows = np.clip(rows, 0, images.shape[0] * images.shape[1] - 1)
    grey = rgb2gray(images.reshape(-1, width, 3)[rows])
    above, here, below = place.reshape(-1, 3).T
    y = grey[below, column] - grey[above, column]
    x = grey[here, np.minimum(column + 1, width - 1)] - grey[here, np.maximum(column - 1, 0)]
    height = images.shape[1]
    y[(row % height == 0) | (row % height == height - 1)] = 0
    x[(column == 0) | (column == width - 1)] = 0
    return y, x


def _differences(planes: NDArray) -> tuple[NDArray, NDArray]:
    """Return next minus previous pixel of (n, h, w) planes, down (y) and across (x)."""
    y, x = np.empty_like(planes), np.empty_like(planes)
    np.subtract(planes[:, 2:], planes[:, :-2], out=y[:, 1:-1])
    y[:, 0] = y[:, -1] = 0
    # Across, in one go over all rows: much faster than many short ones.
    flat = planes.reshape(-1)
    np.subtract(flat[2:], flat[:-2], out=x.reshape(-1)[1:-1])
    x[:, :, 0] = x[:, :, -1] = 0
    return y, x


def _strongest_differences(planes: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Return the differences of the channel whose ``np.hypot`` is largest, the first of equals."""
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
    # Not cv2.magnitude: its last digit depends on where in memory a pixel lies.
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
    """Put the votes of some pixels right, in place, by their float64 gradients."""
    bins, weights = votes
    decided = orientations.bins(y, x)
    lost = decided == orientations.count
    bins.reshape(-1)[positions] = np.where(lost, 0, decided)
    weights.reshape(-1)[positions[lost]] = 0
