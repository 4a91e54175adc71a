"""The compiled loops that turn pixels into votes, for both conventions of `hog`.

Gradients are central differences, zero at the border. A loop does one simple thing to all pixels of
an image, whose arrays fit in a core's cache: the compiler then uses vector instructions, which it
cannot where a loop has exceptions or computes indices.
"""

from __future__ import annotations

import numpy as np
from numba.core import types
from numpy.typing import NDArray

from pipeline.features.compilation import compiled, inlined

_PIXELS = types.Array(types.uint8, 2, "C", readonly=True)  # may be a read-only memory map
_BINS, _WEIGHTS = types.uint8[:, ::1], types.float32[:, ::1]
_SIZE = (types.int64, types.int64)
_TABLE, _COUNTS = types.uint8[::1], types.int32[::1]
_R, _G, _B = np.float32(2125), np.float32(7154), np.float32(721)
"""The weights of ``rgb2gray`` (ITU-R BT.709) times 10,000."""
_TIE = 1e-12
"""Relative difference of squared magnitudes below which `np.hypot` has to compare them."""
NEAR, AXIS, BIN, HALF = 128, 64, 63, 1 << 15
"""Those of `orientation_bins`: numba would not notice an edit there."""
_ZERO, _HALF, _WHOLE = np.float32(0), np.float32(0.5), np.float32(HALF)
_TINY, _LEAST = np.float32(2.0**-52), np.float32(1e-30)
_90, _180, _360 = np.float32(90), np.float32(180), np.float32(360)
_DEGREE, _RADIAN = np.float32(np.pi / 180), np.float32(180 / np.pi)
_P1, _P3 = np.float32(0.9997878412794807) * _RADIAN, np.float32(-0.3258083974640975) * _RADIAN
_P5, _P7 = np.float32(0.1555786518463281) * _RADIAN, np.float32(-0.04432655554792128) * _RADIAN
"""The arctangent of 0..1 in degrees, as an odd polynomial: that of ``cv2.cartToPolar``."""


@inlined()
def _clear(numbers: NDArray) -> None:
    """Set all to 0; a loop is compiled faster than an assignment to a slice."""
    for k in range(numbers.size):
        numbers[k] = 0


@inlined()
def _new(size: int) -> NDArray[np.float32]:
    return np.empty(size, dtype=np.float32)


@inlined()
def _four(size: int) -> tuple[NDArray[np.float32], ...]:
    """Return four arrays: the compiler would not use vector instructions on rows of one array."""
    return _new(size), _new(size), _new(size), _new(size)


@inlined()
def _differences(plane: NDArray, height: int, width: int, y: NDArray, x: NDArray) -> None:
    """Write the differences down (y) and across (x) of a plane; all are flat, (height · width)."""
    _clear(y)
    _clear(x)
    if height > 2:
        inner, above, below = y[width:-width], plane[: -2 * width], plane[2 * width :]
        for k in range(inner.size):
            inner[k] = below[k] - above[k]
    if width > 2:
        inner, before, after = x[1:-1], plane[:-2], plane[2:]
        for k in range(inner.size):
            inner[k] = after[k] - before[k]
        for row in range(height):
            x[row * width] = x[row * width + width - 1] = 0


@inlined()
def _ratio_entry(y: np.float32, x: np.float32, signed: bool) -> np.signedinteger:
    """Return the entry of `ratio_table` for a gradient."""
    ratio = y / (abs(y) + abs(x) + _LEAST)  # no gradient: 0 / 1e-30
    ratio = -ratio if x < _ZERO else ratio
    entry = np.int32(ratio * _WHOLE + _WHOLE)
    return entry + np.int32(2 * HALF + 1) if signed and x < _ZERO else entry


@inlined()
def _mark_unlike(difference: NDArray, green: NDArray, entries: NDArray, mark: int) -> None:
    """Set the entries of pixels whose luminance does not differ, but whose greens do."""
    for k in range(entries.size):
        unlike = difference[k] == _ZERO and green[k] != _ZERO
        entries[k] = mark if unlike else entries[k]


@inlined()
def _weigh(y: NDArray, x: NDArray, signed: bool, weight: NDArray, entries: NDArray) -> None:
    """Write the magnitudes of gradients, and their entries in `ratio_table`."""
    for k in range(entries.size):
        weight[k] = np.sqrt(y[k] * y[k] + x[k] * x[k])
        entries[k] = _ratio_entry(y[k], x[k], signed)


@compiled(_PIXELS, *_SIZE, _TABLE, types.boolean, types.boolean, _BINS, _WEIGHTS, _COUNTS)
def gray_votes(
    images: NDArray[np.uint8],
    height: int,
    width: int,
    table: NDArray[np.uint8],
    signed: bool,
    upright_edge: bool,
    bins: NDArray[np.uint8],
    weights: NDArray[np.float32],
    uncertain: NDArray[np.int32],
) -> None:
    """Vote with the luminance. Bins of uncertain votes contain `NEAR`.

    Colors with equal luminance and equal green are equal: their 2125 R + 721 B also agree, and
    because 2125 and 721 have no common divisor and exceed 255, so do R and B. Between different
    colors of equal luminance, a difference in float64 may be off zero, and a vote uncertain.

    Args:
        images: (n, height · width · 3) RGB.
        height: of an image.
        width: of an image.
        table: `ratio_table`.
        signed: whether the table has entries for both signs of x.
        upright_edge: whether an angle of 90° is an edge between bins.
        bins: (n, height · width), output.
        weights: (n, height · width), output, times 1 / 2,550,000 in units of luminance in 0..1.
        uncertain: (n,), output: the number of uncertain votes of each image.
    """
    gray, green = _new(height * width), _new(height * width)
    y, x, green_y, green_x = _four(height * width)
    entries = np.empty(height * width, dtype=np.uint32)  # unsigned: no index counts from the end
    for i in range(len(images)):
        pixels, bin_ = images[i], bins[i]
        for k in range(gray.size):
            green[k] = pixels[3 * k + 1]
            gray[k] = _R * np.float32(pixels[3 * k]) + _G * green[k]
            gray[k] += _B * np.float32(pixels[3 * k + 2])
        _differences(gray, height, width, y, x)
        _differences(green, height, width, green_y, green_x)
        _weigh(y, x, signed, weights[i], entries)
        _mark_unlike(y, green_y, entries, table.size - 1)
        if upright_edge:
            _mark_unlike(x, green_x, entries, table.size - 1)
        count = 0
        for k in range(gray.size):
            found = table[entries[k]]
            count += found >> 7
            bin_[k] = found & (NEAR | BIN)
        uncertain[i] = count


@compiled(_PIXELS, *_SIZE, types.int32[::1], types.float32[::1], _BINS, _WEIGHTS)
def strongest_votes(
    images: NDArray[np.uint8],
    height: int,
    width: int,
    table: NDArray[np.int32],
    magnitudes: NDArray[np.float32],
    bins: NDArray[np.uint8],
    weights: NDArray[np.float32],
) -> None:
    """Vote with the channel with the largest gradient, or the first of equal ones; all are certain.

    Args:
        images: (n, height · width · 3) RGB, or (n, height · width) gray.
        height: of an image.
        width: of an image.
        table: of all gradients, as `difference_table` returns it.
        magnitudes: the magnitude of each rank in the table.
        bins: (n, height · width), output.
        weights: (n, height · width), output.
    """
    channels = images.shape[1] // (height * width)
    planes = np.empty((channels, height * width), dtype=np.int32)
    y = np.empty(height * width, dtype=np.int32)
    x = np.empty(height * width, dtype=np.int32)
    best = np.empty(height * width, dtype=np.int32)
    for i in range(len(images)):
        pixels, bin_, weight = images[i], bins[i], weights[i]
        if channels == 1:
            gray = planes[0]
            for k in range(best.size):
                gray[k] = pixels[k]
        else:
            red, green, blue = planes[0], planes[1], planes[2]
            for k in range(best.size):
                red[k], green[k], blue[k] = pixels[3 * k], pixels[3 * k + 1], pixels[3 * k + 2]
        _clear(best)
        for channel in range(channels):
            _differences(planes[channel], height, width, y, x)
            for k in range(best.size):
                place = np.uint32(511 * y[k] + x[k] + (511 * 255 + 255))
                entry = table[place] + ((2 - channel) << 6)
                best[k] = max(best[k], entry)
        for k in range(best.size):
            bin_[k] = best[k] & BIN
            weight[k] = magnitudes[np.uint32(best[k] >> 8)]


@compiled(
    types.Array(types.float64, 4, "C", readonly=True),
    _TABLE,
    types.boolean,
    _BINS,
    _WEIGHTS,
    _COUNTS,
)
def real_votes(
    planes: NDArray[np.float64],
    table: NDArray[np.uint8],
    signed: bool,
    bins: NDArray[np.uint8],
    weights: NDArray[np.float32],
    uncertain: NDArray[np.int32],
) -> None:
    """Vote with the plane with the largest gradient. Bins of uncertain votes contain `NEAR`.

    Args:
        planes: (n, height, width, planes) of real numbers.
        table: `ratio_table`.
        signed: whether the table has entries for both signs of x.
        bins: (n, height · width), output.
        weights: (n, height · width), output.
        uncertain: (n,), output: the number of uncertain votes of each image.
    """
    n, height, width, count = planes.shape
    _clear(uncertain)
    for i in range(n):
        for row in range(height):
            inside = 0 < row < height - 1
            above, below = (row - 1, row + 1) if inside else (row, row)
            for column in range(width):
                inner = 0 < column < width - 1
                left, right = (column - 1, column + 1) if inner else (column, column)
                y = planes[i, below, column, 0] - planes[i, above, column, 0]
                x = planes[i, row, right, 0] - planes[i, row, left, 0]
                largest, tie = y * y + x * x, False
                for plane in range(1, count):
                    other_y = planes[i, below, column, plane] - planes[i, above, column, plane]
                    other_x = planes[i, row, right, plane] - planes[i, row, left, plane]
                    square = other_y * other_y + other_x * other_x
                    same = abs(other_y) == abs(y) and abs(other_x) == abs(x)
                    close = abs(square - largest) <= _TIE * largest
                    if close and not same:
                        tie = True
                    elif square > largest and not close:
                        y, x, largest, tie = other_y, other_x, square, False
                short_y, short_x = np.float32(y), np.float32(x)
                bin_ = table[_ratio_entry(short_y, short_x, signed)]
                weights[i, row * width + column] = np.sqrt(short_y * short_y + short_x * short_x)
                # Exactly on an axis, the table is correct.
                doubt = tie or (bin_ >= AXIS and y != 0 and x != 0)
                uncertain[i] += doubt
                bins[i, row * width + column] = bin_ & BIN | (NEAR if doubt else 0)


@inlined(fused=True)
def _angle(y: np.float32, x: np.float32) -> np.float32:
    """Return the angle of a gradient in 0..2π, accurate to 0.01°, as ``cv2.cartToPolar`` does.

    Degrees and fused operations make the two equal to the last digit (OpenCV 4.14, AVX2).
    """
    tall, wide = abs(y), abs(x)
    steep = tall > wide
    ratio = (wide if steep else tall) / ((tall if steep else wide) + _TINY)
    square = ratio * ratio
    angle = (((_P7 * square + _P5) * square + _P3) * square + _P1) * ratio
    angle = _90 - angle if steep else angle
    angle = _180 - angle if x < _ZERO else angle
    angle = _360 - angle if y < _ZERO else angle
    return angle * _DEGREE


@inlined()
def _fill_planes(
    pixels: NDArray[np.uint8], gray: bool, compressed: bool, planes: NDArray[np.float32]
) -> None:
    """Write the channels to compare, blue first, or the 8-bit gray of ``cv2.COLOR_RGB2GRAY``.

    Gray pixels, one number each, are copied.
    """
    first = planes[0]
    if pixels.size == first.size:
        for k in range(first.size):
            first[k] = pixels[k]
    elif gray:
        for k in range(first.size):
            red, green = np.int32(pixels[3 * k]), np.int32(pixels[3 * k + 1])
            level = 9798 * red + 19235 * green + 3735 * np.int32(pixels[3 * k + 2]) + (1 << 14)
            first[k] = np.int32(level >> 15)
    else:
        second, third = planes[1], planes[2]
        for k in range(first.size):
            third[k], second[k], first[k] = pixels[3 * k], pixels[3 * k + 1], pixels[3 * k + 2]
    if compressed:
        for channel in range(len(planes)):
            plane = planes[channel]
            for k in range(plane.size):
                plane[k] = np.sqrt(plane[k])


@inlined()
def _keep_larger(y: NDArray, x: NDArray, other_y: NDArray, other_x: NDArray) -> None:
    """Replace gradients by the other ones where those are larger."""
    for k in range(y.size):
        down, right, other_down, other_right = y[k], x[k], other_y[k], other_x[k]
        square = down * down + right * right
        larger = other_down * other_down + other_right * other_right > square
        y[k] = other_down if larger else down
        x[k] = other_right if larger else right


@inlined()
def _divide(
    y: NDArray,
    x: NDArray,
    per_radian: np.float32,
    count: int,
    lower: NDArray,
    low: NDArray,
    high: NDArray,
) -> None:
    """Divide magnitudes between two bins, as `divided_votes` does."""
    for k in range(y.size):
        place = _angle(y[k], x[k]) * per_radian - _HALF
        below = np.floor(place)
        magnitude = np.sqrt(y[k] * y[k] + x[k] * x[k])
        part = magnitude * (place - below)
        low[k], high[k] = magnitude - part, part
        bin_ = np.int32(below)
        bin_ = bin_ + count if bin_ < 0 else bin_
        lower[k] = bin_ - count if bin_ >= count else bin_


@compiled(
    _PIXELS,
    *_SIZE,
    types.boolean,
    types.boolean,
    types.float32,
    types.int32,
    _BINS,
    _WEIGHTS,
    _WEIGHTS,
)
def divided_votes(
    images: NDArray[np.uint8],
    height: int,
    width: int,
    gray: bool,
    compressed: bool,
    per_radian: np.float32,
    count: int,
    bins: NDArray[np.uint8],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
) -> None:
    """Divide the magnitude of each pixel's gradient between the two nearest bins.

    Args:
        images: (n, height · width · 3) RGB, or (n, height · width) gray.
        height: of an image.
        width: of an image.
        gray: use the gray image, instead of the channel with the largest gradient; among equals,
            the last one has priority, as in OpenCV, whose order is BGR. True for gray images.
        compressed: take the square root of the 8-bit values first (OpenCV's gammaCorrection).
        per_radian: bins per radian.
        count: number of bins.
        bins: (n, height · width), output: the lower bin; the upper one is the next, cyclically.
        low: (n, height · width), output: the vote for the lower bin.
        high: (n, height · width), output: the vote for the upper bin.
    """
    planes = np.empty((1 if gray else 3, height * width), dtype=np.float32)
    y, x, other_y, other_x = _four(height * width)
    for i in range(len(images)):
        _fill_planes(images[i], gray, compressed, planes)
        _differences(planes[0], height, width, y, x)
        for plane in range(1, len(planes)):
            _differences(planes[plane], height, width, other_y, other_x)
            _keep_larger(y, x, other_y, other_x)
        _divide(y, x, per_radian, count, bins[i], low[i], high[i])
