"""Training and validation error by epoch, plain networks beside residual ones, by depth.

After He, Zhang, Ren and Sun (CVPR 2016), figure 6: training error dashed, the error on unseen
images solid, the deeper network heavier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.reporting.depth import DepthStudy
from pipeline.reporting.figures import HAIRLINE, INK, MUTED, plain_axes

PANEL = (3.9, 2.9)
"""Inches of one half."""
BOX = (0.13, 0.165, 0.69, 0.72)
"""Of the axes in a half: left, bottom, width, height."""
SHADES = ("#e4711b", "#ae4600")
"""The colour of networks, lighter for the shallowest and darker for the deepest. Both stand out by
3:1 from white and from the page's dark background, which leaves no room for a wider range: line
widths and labels tell the depths apart as well."""
_LABEL_GAP = 0.062
"""The least distance of two labels, as a share of the axis."""


def error_limit(study: DepthStudy) -> float:
    """Return where the axis of errors ends, on twentieths: what the first epochs have is cut off.

    Twice the largest error of the last quarter leaves room for the part of the curves in which the
    networks part.
    """
    largest = max(study.on_average(*key, "validation") for key in study.lines)
    return min(1.0, max(0.05, math.ceil(largest * 2 * 20) / 20))


def shade(study: DepthStudy, depth: int) -> str:
    """Return the colour of a depth, between the two `SHADES` by its rank."""
    rank = study.depths.index(depth) / max(1, len(study.depths) - 1) if study.depths[1:] else 1.0
    channels = zip(*(bytes.fromhex(each[1:]) for each in SHADES), strict=True)
    return "#" + "".join(f"{round(a + rank * (b - a)):02x}" for a, b in channels)


def spread_out(values: Sequence[float], gap: float) -> list[float]:
    """Move values apart, in their order, until neighbours are at least `gap` apart."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    placed = [values[index] for index in order]
    for _ in range(100):
        for left in range(len(placed) - 1):
            missing = gap - (placed[left + 1] - placed[left])
            if missing > 0:
                placed[left] -= missing / 2
                placed[left + 1] += missing / 2
    moved = [0.0] * len(values)
    for index, value in zip(order, placed, strict=True):
        moved[index] = value
    return moved


def _draw_half(axes: Axes, study: DepthStudy, residual: bool) -> None:
    top, ends = error_limit(study), []
    for rank, depth in enumerate(study.depths):
        line, colour = study.lines[depth, residual], shade(study, depth)
        width = 1.1 + 1.2 * rank / max(1, len(study.depths) - 1)
        for split, dashes in (("train", (0, (3, 1.6))), ("validation", "-")):
            errors = getattr(line, split)
            axes.plot(line.epochs, errors, color=colour, linewidth=width, linestyle=dashes)
            ends.append((errors[-1], f"{depth} {'train.' if split == 'train' else 'valid.'}"))
    axes.set_ylim(0, top)
    axes.set_xlim(min(each.epochs[0] for each in study.lines.values()),
                  max(each.epochs[-1] for each in study.lines.values()))  # fmt: skip
    shown = [min(value / top, 1.0) for value, _ in ends]
    for y, (_, text) in zip(spread_out(shown, _LABEL_GAP), ends, strict=True):
        axes.text(1.02, y, text, transform=axes.transAxes, va="center", fontsize=8.5, color=INK)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=HAIRLINE, linewidth=0.7)
    axes.set_xlabel("epoch")
    title = "with shortcuts (residual)" if residual else "without shortcuts (plain)"
    axes.set_title(f"Error {title}", loc="left", fontsize=9, color=INK, pad=6)
    plain_axes(axes)


def panel(study: DepthStudy, residual: bool) -> Callable[[], Figure]:
    """Return what draws one half by itself."""

    def draw() -> Figure:
        figure = Figure(figsize=PANEL)
        _draw_half(figure.add_axes(BOX), study, residual)
        return figure

    return draw


def draw_depth(study: DepthStudy) -> Figure:
    """Draw both halves beside each other, on one scale, with a key."""
    key_height = 0.35
    width, height = 2 * PANEL[0], PANEL[1] + key_height
    figure = Figure(figsize=(width, height))
    for index, residual in enumerate((False, True)):
        left, bottom, wide, high = BOX
        box = ((index + left) / 2, bottom * PANEL[1] / height, wide / 2, high * PANEL[1] / height)
        _draw_half(figure.add_axes(box), study, residual)
    key = [
        Line2D([], [], color=MUTED, linewidth=1.6, label="validation error"),
        Line2D([], [], color=MUTED, linewidth=1.6, linestyle=(0, (3, 1.6)),
               label="training error"),
    ]  # fmt: skip
    figure.legend(handles=key, loc="upper left", ncols=2, frameon=False, fontsize=8.5)
    return figure
