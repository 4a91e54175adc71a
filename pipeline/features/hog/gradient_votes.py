"""The orientation and the weight of each pixel's vote: the first half of hard binning in `hog`.

A vote consists of a bin, for the angle of the pixel's gradient, and a weight, its magnitude.
Gradients are central differences, zero at the border, as in ``skimage.feature.hog``. Compiled loops
match skimage exactly for almost all pixels, thanks to two facts:

* Differences of 8-bit channels are integers in -255..255, so a table can hold all decisions.
* Luminance times 10,000 · 255 is 2125 R + 7154 G + 721 B, an integer below 2^24, which float32
  represents exactly. Bins are looked up by the ratio y / (|x| + |y|), which increases with the
  angle.

A few votes are uncertain: those whose table entry contains an edge, and those that are off an edge,
or larger than another channel's, only by rounding. NumPy decides them by skimage's formula.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.features.hog.orientation_bins import (
    NEAR,
    Orientations,
    difference_table,
    ratio_table,
)

Votes = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Bins (n, height, width) uint8 and weights (n, height, width) float32."""

LUMINANCE_UNIT = 1 / (10_000 * 255)
"""The unit of the weights of `gray_votes`."""

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721])
"""The weights of R, G and B in ``skimage.color.rgb2gray`` (ITU-R BT.709)."""


def strongest_votes(images: NDArray[np.uint8], orientations: Orientations, votes: Votes) -> None:
    """Fill in the votes of the channel with the largest gradient, or the first of equal ones.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1), contiguous.
        orientations: the bins.
        votes: output, the weights in units of the 8-bit channels.
    """
    from pipeline.features.hog import compiled_votes

    compiled_votes.strongest_votes(*_flat(images), *difference_table(orientations), *_rows(votes))


def gray_votes(images: NDArray[np.uint8], orientations: Orientations, votes: Votes) -> None:
    """Fill in the votes of the luminance.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, contiguous.
        orientations: the bins.
        votes: output, the weights times `LUMINANCE_UNIT` in units of luminance in 0..1.
    """
    from pipeline.features.hog import compiled_votes

    table = ratio_table(orientations)
    beside = orientations.bins(np.ones(2), np.array([-1e-9, 1e-9]))
    upright_edge = bool(beside[0] != beside[1])
    counts = np.empty(len(images), dtype=np.int32)
    options = table, orientations.signed, upright_edge
    compiled_votes.gray_votes(*_flat(images), *options, *_rows(votes), counts)
    if counts.any():
        uncertain = _positions(votes[0], counts)
        differences = _luminance_differences(images, uncertain)
        _decide(votes, uncertain, *differences, LUMINANCE_UNIT, orientations)


def compressed_votes(
    images: NDArray[np.uint8], orientations: Orientations, strongest: bool, votes: Votes
) -> None:
    """Fill in the votes of the square root of the luminance or of the strongest channel.

    Args:
        images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1), contiguous.
        orientations: the bins.
        strongest: use the channel with the largest gradient, instead of the luminance.
        votes: output, in units of the square root of 8-bit channels, or of luminance in 0..1.
    """
    from pipeline.features.hog import compiled_votes

    if strongest:
        planes = np.sqrt(np.arange(256.0))[images]
    else:
        planes = np.sqrt(luminance(images))[..., None]
    table = ratio_table(orientations)
    counts = np.empty(len(images), dtype=np.int32)
    compiled_votes.real_votes(planes, table, orientations.signed, *_rows(votes), counts)
    if counts.any():
        uncertain = _positions(votes[0], counts)
        _decide(votes, uncertain, *_strongest_differences(planes, uncertain), 1, orientations)


def luminance(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return ``skimage.color.rgb2gray(images)``, without the import of skimage, which is slow.

    Of gray images, (n, height, width, 1), it is the pixels, in 0..1 too.
    """
    if images.shape[-1] == GRAY:
        gray: NDArray[np.float64] = images[..., 0] / np.float64(255)
        return gray
    return (images * (1 / 255)) @ _LUMINANCE


def _flat(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int, int]:
    """Return images as (n, height · width · 3), their height and their width."""
    return images.reshape(len(images), -1), *images.shape[1:3]


def _rows(votes: Votes) -> Votes:
    """Return views of votes as (n, height · width)."""
    bins, weights = votes
    return bins.reshape(len(bins), -1), weights.reshape(len(weights), -1)


def _positions(bins: NDArray[np.uint8], counts: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the indices of uncertain votes, flattened, looking only at images that have any."""
    found = np.flatnonzero(counts)
    part, pixel = np.nonzero(bins[found].reshape(len(found), -1) & NEAR)
    return found[part] * bins[0].size + pixel


def _luminance_differences(
    images: NDArray[np.uint8], positions: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return skimage's float64 gradients (y, x) at `positions`; 0 at the border.

    ``rgb2gray`` computes a matrix product for each row of an image, so it gets whole rows: its last
    digit then does not depend on the choice of rows.
    """
    n, height, width, _ = images.shape
    row, column = np.divmod(positions, width)
    rows, place = np.unique(row[:, None] + [-1, 0, 1], return_inverse=True)
    gray = luminance(images.reshape(-1, width, 3)[np.clip(rows, 0, n * height - 1)])
    above, here, below = place.reshape(-1, 3).T
    y = gray[below, column] - gray[above, column]
    x = gray[here, np.minimum(column + 1, width - 1)] - gray[here, np.maximum(column - 1, 0)]
    y[(row % height == 0) | (row % height == height - 1)] = 0
    x[(column == 0) | (column == width - 1)] = 0
    return y, x


def _strongest_differences(
    planes: NDArray[np.float64], positions: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gradients (y, x) at `positions` of the plane with the largest ``np.hypot``.

    Args:
        planes: (n, height, width, planes); the first has priority among equals.
        positions: indices into (n, height, width), flattened.
    """
    _, height, width, count = planes.shape
    flat = planes.reshape(-1, count)
    row, column = positions // width % height, positions % width
    down = np.where((row == 0) | (row == height - 1), 0, width)
    right = np.where((column == 0) | (column == width - 1), 0, 1)
    y = flat[positions + down] - flat[positions - down]
    x = flat[positions + right] - flat[positions - right]
    best = np.hypot(y, x).argmax(axis=1)[:, None]
    return np.take_along_axis(y, best, 1)[:, 0], np.take_along_axis(x, best, 1)[:, 0]


def _decide(
    votes: Votes,
    positions: NDArray[np.intp],
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    unit: float,
    orientations: Orientations,
) -> None:
    """Replace the votes at `positions` by those of float64 gradients, whose unit is 1 / `unit`."""
    bins, weights = votes
    decided = orientations.bins(y, x)
    lost = decided == orientations.count
    bins.reshape(-1)[positions] = np.where(lost, 0, decided)
    weights.reshape(-1)[positions] = np.where(lost, 0, np.hypot(y, x) / unit)
