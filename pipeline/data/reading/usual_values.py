"""The values that an image uses, but for a few: one hot pixel says nothing of the others."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHARE = 0.001
"""The part of an image's pixels, at either end, that is passed over; at least one pixel."""
_FEW = 64
"""Of images with fewer pixels, none is passed over."""
_SAMPLE = 1 << 14
"""About so many pixels of an image, or of a strip of a large one, are looked at."""


def sample_of(pixels: NDArray) -> NDArray:
    """Return about 16,000 pixels, evenly spread, or all of a small image.

    Args:
        pixels: (height, width) or (height, width, channels).

    Returns:
        (n,) or (n, channels), of the same type; a view where that is possible.
    """
    height, width = pixels.shape[:2]
    step = -(-height * width // _SAMPLE)
    while math.gcd(step, width) > 1:  # else it would look at the same columns of each row
        step += 1
    return pixels.reshape(height * width, *pixels.shape[2:])[::step]


def usual_range(sample: NDArray) -> tuple[float, float] | None:
    """Return the lowest and highest value but for `SHARE` of the pixels; None where there is none.

    Args:
        sample: (n,) or (n, channels); the channels are looked at together.
    """
    if not sample.size:
        return None
    passed = _passed(sample)
    ends = [passed, sample.size - 1 - passed]
    low, high = np.partition(sample, ends, axis=None)[ends]
    return float(low), float(high)


def is_bright(sample: NDArray[np.uint8]) -> bool:
    """Return whether an 8-bit image uses values from 64 on; far quicker than `usual_range`."""
    return int(np.count_nonzero(sample & 0xC0)) > _passed(sample)


def _passed(sample: NDArray) -> int:
    n, channels = len(sample), math.prod(sample.shape[1:])
    return math.ceil(n * SHARE) * channels if n >= _FEW else 0
