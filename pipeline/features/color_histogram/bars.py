"""Color histograms drawn as bars."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.features.color_histogram.axes import framed, value_ticks
from pipeline.features.picture_panels import SIDE, Picture

RED, GREEN, BLUE = (214, 39, 40), (44, 160, 44), (31, 119, 180)
GRAY, PURPLE, ORANGE = (110, 110, 110), (148, 103, 189), (230, 126, 20)

CHANNEL_COLORS = {
    "rgb": (RED, GREEN, BLUE),
    "hsv": (PURPLE, ORANGE, GRAY),
    "lab": (GRAY, RED, BLUE),
    "luv": (GRAY, RED, BLUE),
    "ycrcb": (GRAY, RED, BLUE),
}
"""Color space -> the colors of its channels' bars; lightness is gray."""

CHANNEL_NAMES = {
    "rgb": ("red", "green", "blue"),
    "hsv": ("hue", "saturation", "value"),
    "lab": ("lightness", "a", "b"),
    "luv": ("lightness", "u", "v"),
    "ycrcb": ("luma", "Cr", "Cb"),
}
"""Color space -> the names of its channels."""

_BACK = {
    "rgb": None,
    "hsv": cv2.COLOR_HSV2RGB,
    "lab": cv2.COLOR_LAB2RGB,
    "luv": cv2.COLOR_LUV2RGB,
    "ycrcb": cv2.COLOR_YCrCb2RGB,
}
"""OpenCV's conversions from each space to RGB."""

_FRAME = (200, 200, 200)


def labeled_bars(
    channels: list[NDArray[np.float32]],
    space: str,
    tops: tuple[int, int, int],
    unit: str,
) -> Picture:
    """Draw the histograms of a whole image with axes, one channel below the other.

    Args:
        channels: one array per channel, (bins,) float32, >= 0.
        space: the color space.
        tops: upper end of each channel's range, which starts at 0.
        unit: of the bars' heights.

    Returns:
        (248, 248, 3) uint8 in RGB order.
    """
    panel = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
    rows = np.linspace(0, SIDE, len(channels) + 1).astype(int)
    for index, heights in enumerate(channels):
        highest = max(float(heights.max()), 1e-12)
        inside = framed(
            panel[rows[index] : rows[index + 1]],
            f"{CHANNEL_NAMES[space][index]}, {unit}",
            f"{highest:.3g}",
            value_ticks(tops[index]),
        )
        color = CHANNEL_COLORS[space][index]
        draw_bars(inside, heights / highest, np.tile(color, (len(heights), 1)))
    return panel


def grid_of_bars(channels: list[NDArray[np.float32]], grid: int, space: str) -> Picture:
    """Draw the histograms of all cells at the cells' positions, one channel below the other.

    There is no room for axes in a cell.

    Args:
        channels: one array per channel, (grid · grid, bins) float32, >= 0; the highest bar of a
            channel fills its row.
        grid: number of cells per row and per column.
        space: the color space.

    Returns:
        (248, 248, 3) uint8 in RGB order.
    """
    panel = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
    edges = np.linspace(0, SIDE, grid + 1).astype(int)
    for cell in range(grid**2):
        row, column = divmod(cell, grid)
        place = panel[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
        place[-1], place[:, -1] = _FRAME, _FRAME
        inner = place[:-1, :-1]
        rows = np.linspace(0, len(inner), len(channels) + 1).astype(int)
        for index, heights in enumerate(channels):
            strip = inner[rows[index] : rows[index + 1]]
            shares = heights[cell] / max(float(heights.max()), 1e-12)
            color = CHANNEL_COLORS[space][index]
            draw_bars(strip, shares, np.tile(color, (len(shares), 1)))
    return panel


def fullest_bars(shares: NDArray[np.float32], colors: NDArray[np.uint8], unit: str) -> Picture:
    """Draw the 31 fullest bins of one histogram in their own colors, the highest bar first.

    Args:
        shares: (bins,) float32, >= 0.
        colors: (bins, 3) uint8, RGB.
        unit: of the bars' heights.

    Returns:
        (248, 248, 3) uint8 in RGB order.
    """
    panel = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
    fullest = np.argsort(-shares, kind="stable")[:31]
    highest = max(float(shares.max()), 1e-12)
    inside = framed(panel, f"the {len(fullest)} fullest bins, {unit}", f"{highest:.3g}", ())
    draw_bars(inside, shares[fullest] / highest, colors[fullest])
    return panel


def bin_colors(
    space: str, bins: tuple[int, int, int], tops: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return the color at the center of each joint bin: (bins, 3) uint8, RGB.

    Args:
        space: the color space.
        bins: number of bins of each channel.
        tops: upper end of each channel's range, which starts at 0.
    """
    sizes = zip(bins, tops, strict=True)
    middles = [(np.arange(count) + 0.5) / count * top for count, top in sizes]
    colors = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1)
    colors = colors.reshape(1, -1, 3).astype(np.uint8)
    back = _BACK[space]
    return np.asarray(colors if back is None else cv2.cvtColor(colors, back))[0]


def draw_bars(
    canvas: NDArray[np.uint8], shares: NDArray[np.float32], colors: NDArray[np.integer]
) -> None:
    """Draw bars side by side in (h, w, 3) uint8, in place; a share of 1 is as high as the canvas.

    If there are more bars than columns, each column shows its highest bar.
    """
    height, width = canvas.shape[:2]
    starts = np.arange(len(shares)) * width // len(shares)
    ends = np.maximum(starts + 1, np.arange(1, len(shares) + 1) * width // len(shares))
    for bar in np.argsort(shares, kind="stable"):
        top = height - round(float(shares[bar]) * height)
        canvas[top:, starts[bar] : ends[bar]] = colors[bar]
