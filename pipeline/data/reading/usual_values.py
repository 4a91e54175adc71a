"""The range of values of an image without a few outliers, such as hot pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHARE = 0.001
"""Fraction of an image's pixels that is ignored at either end; at least one pixel."""
_FEW = 64
"""In images with fewer pixels, none is ignored."""
_SAMPLE = 1 << 14
"""Approximate number of pixels sampled from an image, or from a strip of a large one."""


def sample_of(pixels: NDArray) -> NDArray:
    """Return about 16,000 evenly spread pixels, or all pixels of a small image.

    Args:
        pixels: (height, width) or (height, width, channels).

    Returns:
        (n,) or (n, channels), of the same dtype; a view if possible.
    """
    height, width = pixels.shape[:2]
    step = -(-height * width // _SAMPLE)
    while math.gcd(step, width) > 1:  # avoids the same columns in every row
        step += 1
    return pixels.reshape(height * width, *pixels.shape[2:])[::step]


def usual_range(sample: NDArray) -> tuple[float, float] | None:
    """Return the lowest and highest value without `SHARE` of the pixels; None for no pixels.

    Args:
        sample: (n,) or (n, channels); channels are pooled.
    """
    if not sample.size:
        return None
    ignored = _ignored(sample)
    ends = [ignored, sample.size - 1 - ignored]
    low, high = np.partition(sample, ends, axis=None)[ends]
    return float(low), float(high)


def is_bright(sample: NDArray[np.uint8]) -> bool:
    """Return whether an 8-bit image uses values of at least 64; much faster than `usual_range`."""
    return int(np.count_nonzero(sample & 0xC0)) > _ignored(sample)


def _ignored(sample: NDArray) -> int:
    n, channels = len(sample), math.prod(sample.shape[1:])
    return math.ceil(n * SHARE) * channels if n >= _FEW else 0
