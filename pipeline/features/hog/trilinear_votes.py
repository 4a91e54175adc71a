"""Votes that are divided between the two nearest orientations, as in ``cv2.HOGDescriptor``.

Bin i of n is centered at (i + ½) · 180°/n, or 360°/n if signed; a pixel's magnitude is divided
by the distance of its angle from the two nearest centers. Gradients are central differences, zero
at the border (OpenCV reflects the image about its outermost pixels, which is equivalent).

Differences of 8-bit channels are integers in -255..255, so a table holds the votes of all 511²
gradients: one row per gradient, one number per orientation. Most gradients are small, so the rows
in use stay in the cache.

Arrays here have the images on the last axis: differences then run over long contiguous memory, and
sums over a block's pixels are matrix products.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.features.hog.orientation_bins import Orientations

T = TypeVar("T", np.int32, np.float32)

_SIDE = 511


class InterpolatedVotes(Protocol):
    """The votes of n images of one size."""

    def columns(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the votes of a range of columns: (height, columns · n · orientations)."""


def interpolated_votes(
    images: NDArray[np.uint8], orientations: Orientations, strongest: bool, compressed: bool
) -> InterpolatedVotes:
    """Prepare the votes of images.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins, at least two.
        strongest: use the channel with the largest gradient, instead of the 8-bit gray image
            (``cv2.COLOR_RGB2GRAY``).
        compressed: take the square root of the 8-bit values first (OpenCV's gammaCorrection).
    """
    n, height, width, _ = images.shape
    if not strongest:
        images = cv2.cvtColor(images.reshape(n * height, width, 3), cv2.COLOR_RGB2GRAY)
    planes = cv2.transpose(images.reshape(n, -1)).reshape(height, width, -1, n)
    planes = planes.transpose(2, 0, 1, 3)
    return (ComputedVotes if compressed else TabulatedVotes)(planes, orientations)


class TabulatedVotes:
    """Votes of integer gradients, from the table."""

    def __init__(self, planes: NDArray[np.uint8], orientations: Orientations) -> None:
        """Look up the strongest channel's row of the table; planes are (c, height, width, n)."""
        values = planes.astype(np.int32, order="C")
        y, x = np.zeros_like(values), np.zeros_like(values)
        np.subtract(values[:, 2:], values[:, :-2], out=y[:, 1:-1])
        np.subtract(values[:, :, 2:], values[:, :, :-2], out=x[:, :, 1:-1])
        squares = x * x + y * y if len(values) > 1 else x
        y *= _SIDE
        y += x
        index = _of_strongest(squares, y)
        # An index must be int64; NumPy converts other types in small parts, which is slow.
        self._rows = index.astype(np.int64)
        self._rows += _SIDE * _SIDE // 2
        self._table = _vote_table(orientations)

    def columns(self, first: int, last: int) -> NDArray[np.float32]:
        """See `InterpolatedVotes`."""
        rows = self._rows[:, first:last].reshape(-1)
        votes = np.empty((rows.size, self._table.shape[1]), dtype=np.float32)
        # With `out` and without range checks, NumPy copies rows three times as fast.
        self._table.take(rows, axis=0, mode="clip", out=votes)
        return votes.reshape(len(self._rows), -1)


class ComputedVotes:
    """Votes of gradients of square roots, which cannot be tabulated."""

    def __init__(self, planes: NDArray[np.uint8], orientations: Orientations) -> None:
        """Find each pixel's bins and weights; planes are (c, height, width, n)."""
        values = np.sqrt(np.arange(256, dtype=np.float32)).take(planes)
        y, x = np.zeros_like(values), np.zeros_like(values)
        np.subtract(values[:, 2:], values[:, :-2], out=y[:, 1:-1])
        np.subtract(values[:, :, 2:], values[:, :, :-2], out=x[:, :, 1:-1])
        squares = x * x + y * y
        self._votes = _divided(
            _of_strongest(squares.copy(), y), _of_strongest(squares, x), orientations
        )
        self._count = orientations.count

    def columns(self, first: int, last: int) -> NDArray[np.float32]:
        """See `InterpolatedVotes`."""
        bins, low, high = (each[:, first:last] for each in self._votes)
        votes = np.zeros((bins.size, self._count), dtype=np.float32)
        pixels = np.arange(bins.size)
        votes[pixels, bins.reshape(-1)] = low.reshape(-1)
        votes[pixels, (bins.reshape(-1) + 1) % self._count] = high.reshape(-1)
        return votes.reshape(len(bins), -1)


def _divided(
    y: NDArray[np.float32], x: NDArray[np.float32], orientations: Orientations
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return the lower bin of each gradient, and the weights of that bin and the next one.

    Angles come from ``cv2.cartToPolar``, as in HOGDescriptor, and are accurate to 0.01°.
    """
    magnitude, angle = cv2.cartToPolar(x.reshape(-1, 1), y.reshape(-1, 1))
    magnitude, angle = magnitude.reshape(y.shape), angle.reshape(y.shape)
    place = angle * np.float32(orientations.count / (np.pi * (1 + orientations.signed)))
    place -= np.float32(0.5)
    lower = np.floor(place)
    high = magnitude * (place - lower)
    return lower.astype(np.int64) % orientations.count, magnitude - high, high


def _of_strongest(squares: NDArray[T], values: NDArray[T]) -> NDArray[T]:
    """Select, at each pixel, the value of the channel with the largest gradient.

    Among equals, OpenCV takes the first one in its BGR order, which is the last one here.

    Args:
        squares: (c, height, width, n), squared magnitudes; overwritten.
        values: (c, height, width, n); overwritten.

    Returns:
        (height, width, n).
    """
    bits = values.view(np.int32)
    best, largest = bits[-1], squares[-1]
    for other, square in zip(bits[-2::-1], squares[-2::-1], strict=True):
        # Selecting with bit masks avoids branches, which would be hard to predict.
        chosen = -(square > largest).astype(np.int32)
        other ^= best
        other &= chosen
        best ^= other
        np.maximum(largest, square, out=largest)
    return best.view(values.dtype)


@lru_cache(maxsize=4)
def _vote_table(orientations: Orientations) -> NDArray[np.float32]:
    """Tabulate the votes of gradients (y, x) in -255..255, x varying faster: (511², bins)."""
    y, x = np.meshgrid(*[np.arange(-255, 256, dtype=np.float32)] * 2, indexing="ij")
    bins, low, high = _divided(y.ravel(), x.ravel(), orientations)
    votes = np.zeros((y.size, orientations.count), dtype=np.float32)
    votes[np.arange(y.size), bins] = low
    votes[np.arange(y.size), (bins + 1) % orientations.count] = high
    return votes
