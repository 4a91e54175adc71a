"""Test accuracy of every run with its interval, as bars."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.reporting.figures import FAMILY_COLOURS, INK, MUTED, percent_rows
from pipeline.reporting.formats import beside, percent


@dataclass(frozen=True)
class AccuracyBar:
    """One run: its test accuracy with the ends of its interval, shares in [0, 1]."""

    run: str
    family: str
    value: float
    low: float
    high: float


def accuracy_bars(accuracy: pd.DataFrame) -> list[AccuracyBar]:
    """Take the bars from the accuracy table, in its order."""
    columns = ["run", "family", "test_accuracy", "test_ci_low", "test_ci_high"]
    return [AccuracyBar(*row) for row in accuracy[columns].itertuples(index=False)]


def draw_accuracy(bars: list[AccuracyBar]) -> Figure:
    """Draw one bar a run from 0 to its accuracy, name and number above it.

    Names stand above the bars, not beside them, so that long ones take no room from the numbers.
    """
    figure, axes = percent_rows(len(bars), 0.015, "test accuracy, %, with 95 % interval")
    for y, bar in enumerate(bars):
        colour = FAMILY_COLOURS[bar.family]
        axes.barh(y + 0.24, bar.value, height=0.3, color=colour, linewidth=0, zorder=2)
        _whisker(axes, y + 0.24, bar)
        label = f"{bar.family} · {percent(bar.value)}"
        axes.text(0, y - 0.1, beside(bar.run, label), va="center", color=INK)
        axes.text(1, y - 0.1, label, va="center", ha="right", color=MUTED)
    return figure


def _whisker(axes: Axes, y: float, bar: AccuracyBar) -> None:
    """Draw the interval over the end of its bar, in ink, which stands out from bar and page."""
    axes.plot([bar.low, bar.high], [y, y], color=INK, linewidth=1.2, zorder=3)
    for x in (bar.low, bar.high):
        axes.plot([x, x], [y - 0.09, y + 0.09], color=INK, linewidth=1.2, zorder=3)
