"""Images too large to decode several at once, or to convert to RGB as a whole.

At any time, the images being decoded have at most `PIXELS_AT_ONCE` pixels in total, or are a single
larger image. Large images are converted and shrunk row by row, so that they need little more memory
than Pillow's own copy, up to 4 bytes per pixel.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.reading.fitting import Box
from pipeline.data.reading.pixel_values import Found, Layout, Range, to_rgb
from pipeline.resizing import Sides

LARGE_PIXELS = 16_000_000
"""Images with more pixels are converted and shrunk row by row."""
PIXELS_AT_ONCE = 64_000_000
"""Pixels being decoded at any time, in all threads together; about 11 bytes each."""
_STRIP_VALUES = 1 << 20
"""Pixels of a large image that are converted at a time."""


class Budget:
    """Limits how many pixels are decoded at a time; an image above the limit is decoded alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._used = 0

    @contextmanager
    def reserved(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for an image of `pixels` pixels; keep it for the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + pixels <= PIXELS_AT_ONCE)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()


def shrunk(
    image: Image.Image,
    layout: Layout | None,
    box: Box,
    sides: Sides,
    value_range: Range | None,
    range_8_bits: Range | None = None,
) -> tuple[NDArray[np.uint8], Found]:
    """Shrink a part of a large image by area averaging, one strip of rows at a time.

    Args:
        image: loaded.
        layout: of its samples.
        box: the part.
        sides: (height, width) of the result, as it lies in the file; no side grows.
        value_range: see `to_rgb`.
        range_8_bits: see `to_rgb`.

    Returns:
        (height, width, 3) uint8 with no side above `sides`, and the values found in the part.
    """
    left, above, right, below = box
    width, height = right - left, below - above
    rows = max(1, _STRIP_VALUES // width)
    small = (min(width, sides[1]), min(height, sides[0]))
    total = np.zeros((small[1], small[0], 3))
    found: list[Found] = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        part = image.crop((left, above + top, right, above + bottom))
        strip, values = to_rgb(part, layout, value_range, range_8_bits)
        narrow = cv2.resize(
            strip.astype(np.float32), (small[0], bottom - top), interpolation=cv2.INTER_AREA
        )
        weights = _overlap(small[1], height, top, bottom)
        reached = np.flatnonzero(weights.any(axis=1))
        total[reached] += np.tensordot(weights[reached], narrow.astype(np.float64), axes=1)
        found.append(values)
    ends = [end for each in found for end in each.extremes or ()]
    sample = np.concatenate([each.sample for each in found])
    values = Found((min(ends), max(ends)) if ends else None, sample, found[0].profile)
    return np.rint(total).astype(np.uint8), values


def _overlap(small: int, large: int, top: int, bottom: int) -> NDArray[np.float64]:
    """Return the (small, bottom - top) weight of each large row from `top` on in each small row."""
    step = large / small
    lows = np.arange(small)[:, None] * step
    rows = np.arange(top, bottom)[None, :]
    return (np.minimum(lows + step, rows + 1) - np.maximum(lows, rows)).clip(min=0) / step
