"""Axes around bars: how high the highest bar is, and which values are counted where."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

LEFT, RIGHT, ABOVE, BELOW = 38, 6, 14, 15
"""Pixels between the edges of the canvas and the bars, for axes and text."""
INK = (70, 70, 70)
_TICK = 3
_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.32


def framed(
    canvas: NDArray[np.uint8], title: str, highest: str, ticks: Sequence[tuple[float, str]]
) -> NDArray[np.uint8]:
    """Draw axes with their labels in (h, w, 3) uint8, in place; return the view inside for bars.

    Args:
        canvas: white.
        title: drawn above the bars.
        highest: the value at the upper end of the vertical axis, which starts at 0.
        ticks: of the horizontal axis: positions from 0 to 1, and what is written below them.
    """
    height, width = canvas.shape[:2]
    inside = canvas[ABOVE : height - BELOW, LEFT : width - RIGHT]
    bottom, right = height - BELOW, width - RIGHT - 1
    canvas[ABOVE : bottom + 1, LEFT - 1] = INK
    canvas[bottom, LEFT - 1 : right + 1] = INK
    for place, text in ((ABOVE, highest), (bottom, "0")):
        canvas[place, LEFT - 1 - _TICK : LEFT - 1] = INK
        _write(canvas, text, LEFT - _TICK - 3, place + 4, anchor=1.0)
    for share, text in ticks:
        column = LEFT + round(share * (inside.shape[1] - 1))
        canvas[bottom : bottom + _TICK + 1, column] = INK
        _write(canvas, text, column, height - 2, anchor=0.5)
    _write(canvas, title, right, ABOVE - 4, anchor=1.0)
    return inside


def value_ticks(top: int) -> list[tuple[float, str]]:
    """Return the ticks of a channel with the values 0 to `top` - 1: its ends and its quarters."""
    values = [0, top // 4, top // 2, 3 * top // 4, top - 1]
    return [(value / (top - 1), str(value)) for value in values]


def _write(canvas: NDArray[np.uint8], text: str, x: int, y: int, anchor: float) -> None:
    """Write text with its baseline at y, so that x is at this share of its width."""
    (width, _), _ = cv2.getTextSize(text, _FONT, _SIZE, 1)
    left = min(max(0, x - round(anchor * width)), canvas.shape[1] - width)
    # OpenCV draws in contiguous arrays only, and a strip of a panel need not be one.
    whole = np.ascontiguousarray(canvas)
    cv2.putText(whole, text, (left, y), _FONT, _SIZE, INK, 1, cv2.LINE_AA)
    canvas[:] = whole
