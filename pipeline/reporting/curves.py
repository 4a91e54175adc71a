"""Learning curves: accuracy by epoch, or by the number of training images."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.reporting.figures import (
    FAMILY_COLOURS,
    FAMILY_MARKERS,
    HAIRLINE,
    INK,
    MUTED,
    plain_axes,
)
from pipeline.reporting.formats import shorten
from pipeline.results import Results

PANEL = (3.4, 2.35)
"""Inches of one run's panel."""


@dataclass(frozen=True)
class Line:
    """One seed on one split: x ascending, y accuracies."""

    seed: int
    split: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class LearningCurve:
    """One run's panel."""

    run: str
    family: str
    x_kind: str
    """`epoch` or `images`."""
    lines: tuple[Line, ...]
    best: tuple[tuple[float, float], ...]
    """(epoch, validation accuracy) of the kept weights, one a seed, where a card names it."""

    @property
    def words(self) -> str:
        """The curve in a sentence, for those who do not see it."""
        ends = {
            line.split: f"{line.split} accuracy from {line.y[0]:.1%} to {line.y[-1]:.1%}"
            for line in reversed(self.lines)
        }
        unit = "epochs" if self.x_kind == "epoch" else "training images"
        reach = f"{self.lines[0].x[0]:,.0f} to {self.lines[0].x[-1]:,.0f} {unit}"
        kept = "".join(f"; best epoch {epoch:.0f}" for epoch, _ in self.best[:1])
        return f"Learning curve of {self.run}, {reach}: {', '.join(sorted(ends.values()))}{kept}."


def learning_curves(results: Results) -> list[LearningCurve]:
    """Collect the accuracies of the histories, run by run in the order of the accuracy table."""
    table = results.tables["learning_curves"]
    table = table[table["metric"] == "accuracy"]
    curves = []
    for row in results.tables["accuracy"].itertuples():
        history = table[table["run"] == row.run]
        if history.empty:
            continue
        cards = results.study["cards"].get(row.run, {})
        curves.append(
            LearningCurve(
                run=str(row.run),
                family=str(row.family),
                x_kind=str(history["x_kind"].iloc[0]),
                lines=tuple(_lines(history)),
                best=tuple(_best(history, cards)),
            )
        )
    return curves


def _lines(history: pd.DataFrame) -> list[Line]:
    lines = []
    for (seed, split), points in history.groupby(["seed", "split"], sort=False):
        points = points.sort_values("x")
        lines.append(Line(int(str(seed)), str(split), tuple(points["x"]), tuple(points["value"])))
    return lines


def _best(history: pd.DataFrame, cards: Mapping[str, Any]) -> list[tuple[float, float]]:
    validation = history[history["split"] == "validation"].set_index(["seed", "x"])["value"]
    found = []
    for seed, card in cards.items():
        epoch = card.get("notes", {}).get("best_epoch")
        if epoch is not None and (int(seed), epoch) in validation.index:
            found.append((float(epoch), float(validation[int(seed), epoch])))
    return found


def limits(curves: list[LearningCurve]) -> tuple[float, float]:
    """Return one range of accuracies for all panels, on tenths, so that they can be compared."""
    values = [value for curve in curves for line in curve.lines for value in line.y]
    low, high = min(values), max(values)
    return math.floor(low * 10) / 10, max(
        math.ceil(high * 10) / 10, math.floor(low * 10) / 10 + 0.1
    )


def draw_curve(axes: Axes, curve: LearningCurve, y_limits: tuple[float, float]) -> None:
    """Draw one run: validation solid, training dashed, kept weights ringed."""
    colour, marker = FAMILY_COLOURS[curve.family], FAMILY_MARKERS[curve.family]
    thin = 0.6 if len({line.seed for line in curve.lines}) > 1 else 1.0
    for line in curve.lines:
        solid = line.split == "validation"
        few = len(line.x) <= 12
        axes.plot(
            line.x, line.y, color=colour, linewidth=thin * (1.6 if solid else 1.1),
            linestyle="-" if solid else (0, (4, 2)),
            marker=marker if few else None, markersize=4 if solid else 3.2,
            markerfacecolor=colour if solid else "none",
        )  # fmt: skip
    for epoch, value in curve.best:
        axes.plot([epoch], [value], marker="o", markersize=9, markerfacecolor="none",
                  markeredgecolor=INK, markeredgewidth=1.3, zorder=4)  # fmt: skip
    _scales(axes, curve, y_limits)
    axes.set_title(shorten(curve.run, 40), loc="left", fontsize=9, color=INK, pad=6)


def _scales(axes: Axes, curve: LearningCurve, y_limits: tuple[float, float]) -> None:
    pad = 0.02 * (y_limits[1] - y_limits[0])
    axes.set_ylim(y_limits[0] - pad, y_limits[1] + pad)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))
    axes.grid(axis="y", color=HAIRLINE, linewidth=0.7)
    if curve.x_kind == "images":
        axes.set_xscale("log", base=2)
        sizes = sorted({x for line in curve.lines for x in line.x})
        axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("training images, doubling")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
    plain_axes(axes)


def panel(curve: LearningCurve, y_limits: tuple[float, float]) -> Callable[[], Figure]:
    """Return what draws one run's panel by itself."""

    def draw() -> Figure:
        figure = Figure(figsize=PANEL)
        draw_curve(figure.add_axes((0.145, 0.2, 0.83, 0.66)), curve, y_limits)
        return figure

    return draw


def draw_learning_curves(curves: list[LearningCurve]) -> Figure:
    """Draw all panels below each other, two or three a row, with a key."""
    columns = min(3, max(1, len(curves)))
    rows = max(1, math.ceil(len(curves) / columns))
    width, height = PANEL[0] * columns, PANEL[1] * rows + 0.35
    figure = Figure(figsize=(width, height))
    for index, curve in enumerate(curves):
        left = (index % columns) * PANEL[0]
        bottom = height - 0.35 - (index // columns + 1) * PANEL[1]
        box = ((left + 0.145 * PANEL[0]) / width, (bottom + 0.2 * PANEL[1]) / height,
               0.83 * PANEL[0] / width, 0.66 * PANEL[1] / height)  # fmt: skip
        draw_curve(figure.add_axes(box), curve, limits(curves))
    key = [
        Line2D([], [], color=MUTED, linewidth=1.6, label="validation"),
        Line2D([], [], color=MUTED, linewidth=1.1, linestyle=(0, (4, 2)), label="training"),
        Line2D([], [], color=INK, marker="o", markersize=8, markerfacecolor="none", linewidth=0,
               label="best epoch"),
    ]  # fmt: skip
    figure.legend(handles=key, loc="upper left", ncols=3, frameon=False, fontsize=8.5)
    return figure
