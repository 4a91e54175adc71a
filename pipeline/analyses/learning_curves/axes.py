"""What the charts of all runs and those of one run share: data, axes, marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.analyses.learning_curves.view import KINDS, METRICS, SHARES, LearningCurve
from pipeline.page.theme import INK, SHADE, percent_axis, records, tooltips

MOST_DOTS = 24
"""Points of a line that are marked; with more of them, dots would cover the line."""
DASH = [5, 4]
"""Of lines of training images."""
DOTTED = "(datum.x - 1) % datum.every == 0 || datum.x == datum.last"
"""Whether a point of a line is marked."""
_POWER = "format(pow(10, datum.value), datum.value < -3 ? '.1~e' : '.2~g')"
_CROSS = "M-1,-1L1,1M1,-1L-1,1"


def points(series: Iterable[Mapping[str, Any]]) -> alt.Chart:
    """Return a chart of the points of lines, which its data has once per line.

    Args:
        series: one row per line, with `x` and `y` as tuples.
    """
    rows = [
        {**each, "every": math.ceil(len(each["x"]) / MOST_DOTS), "last": each["x"][-1]}
        for each in series
    ]
    return alt.Chart(records(rows)).transform_flatten(["x", "y"])


def with_rates(chart: alt.Chart) -> alt.Chart:
    """Add the learning rates to a chart of `points` of their logarithms, for tooltips."""
    return chart.transform_calculate(rate="pow(10, datum.y)")


def height_of(metric: str, value: float) -> float:
    """Return where a value is drawn: digits that no pixel shows are left out."""
    return round(math.log10(value) if metric == "learning_rate" else value, 4)


def limits_of(metric: str, values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of an axis: losses begin at 0, shares end at 1."""
    listed = list(values)
    low, high = min(listed), max(listed)
    pad = max(0.01, 0.04 * (high - low))
    # Rounded, so that digits that a table does not keep move no pixel.
    if metric in SHARES:
        return round(max(0.0, low - pad), 4), round(min(1.0, high + pad), 4)
    if metric == "learning_rate":
        return round(low - pad, 4), round(high + pad, 4)
    return 0.0, round(high + pad, 4)


def x_axis(x_kind: str, values: Sequence[float], scale: Mapping[str, Any] | None = None) -> alt.X:
    """Return the axis of epochs, or that of numbers of images, which double.

    Args:
        x_kind: ``epoch`` or ``images``.
        values: that occur, ascending.
        scale: further options of the scale.
    """
    scale = scale or {}
    if x_kind == "images":
        axis = alt.Axis(values=_doublings(values), format=",", labelOverlap=True)
        kind = alt.Scale(type="log", base=2, nice=False, domain=[values[0], values[-1]], **scale)
    else:
        axis = alt.Axis(
            tickMinStep=1, tickCount=8, format="d", labelOverlap=True, labelSeparation=6
        )
        last = max(values[-1], values[0] + 1)
        kind = alt.Scale(nice=False, domain=[values[0], last], **scale)
    return alt.X("x:Q", title=KINDS[x_kind], axis=axis, scale=kind)


def y_axis(metric: str, limits: tuple[float, float], title: str | None) -> alt.Y:
    """Return the axis of a metric; that of learning rates shows their logarithms."""
    options: dict[str, Any] = {"grid": True, "tickCount": 5, "title": title}
    if metric in SHARES:
        axis = percent_axis(title)
    elif metric == "learning_rate":
        axis = alt.Axis(labelExpr=_POWER, **options)
    else:
        axis = alt.Axis(format="~g", **options)
    return alt.Y("y:Q", axis=axis, scale=alt.Scale(domain=list(limits), nice=False, zero=False))


def tips(metric: str, x_kind: str, seed: bool = False) -> list[alt.Tooltip]:
    """Return the tooltips of a point."""
    seeds = [("seed", "seed")] if seed else []
    kind = ("x", "epoch" if x_kind == "epoch" else "training images", ",")
    if metric == "learning_rate":
        return tooltips(("run", "run"), kind, ("rate", METRICS[metric], ".3~g"))
    value = ("y", METRICS[metric], ".1%" if metric in SHARES else ".3f")
    return tooltips(("run", "run"), *seeds, ("split", "images"), kind, value)


def rings(curves: Sequence[LearningCurve], metric: str, mean: bool) -> alt.Chart | None:
    """Return rings at the epochs whose weights were kept, where this metric chose them.

    Args:
        curves: of the chart.
        metric: of the chart.
        mean: whether it shows the mean over the seeds, and not each of them.
    """
    rows = [
        {"run": curve.run, "x": epoch, "split": "validation, kept epoch",
         "y": height_of(metric, means.get(epoch, value))}
        for curve in curves
        if curve.monitor == metric
        for means in (curve.mean(metric) if mean else {},)
        for epoch, value in curve.best
    ]  # fmt: skip
    chart = alt.Chart(records(rows)).mark_point(
        filled=False, shape="circle", size=150, stroke=INK, strokeWidth=1.5
    )
    return chart.encode(tooltip=tips(metric, "epoch")) if rows else None


def crosses(curves: Sequence[LearningCurve], metric: str) -> alt.Chart | None:
    """Return crosses at the epochs from which runs overfit, on their losses."""
    rows = [
        {"run": curve.run, "x": curve.onset.epoch, "split": "validation, overfits from here on",
         "y": height_of(metric, curve.mean(metric)[curve.onset.epoch])}
        for curve in curves
        if metric == "loss" and curve.onset is not None
    ]  # fmt: skip
    chart = alt.Chart(records(rows)).mark_point(
        filled=False, shape=_CROSS, size=90, stroke=SHADE, strokeWidth=3
    )
    return chart.encode(tooltip=tips(metric, "epoch")) if rows else None


def _doublings(values: Sequence[float]) -> list[float]:
    """Thin out sizes that are too close together for their numbers to fit."""
    kept: list[float] = []
    for value in reversed(values):
        if not kept or value * 1.6 <= kept[-1]:
            kept.append(value)
    return kept[::-1]
