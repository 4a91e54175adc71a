"""The charts of one run: each seed, training beside validation."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from pipeline.analyses.learning_curves.axes import (
    DASH,
    DOTTED,
    crosses,
    height_of,
    limits_of,
    points,
    rings,
    tips,
    x_axis,
    y_axis,
)
from pipeline.analyses.learning_curves.view import METRICS, LearningCurve
from pipeline.page.theme import FAMILY_SHAPES, SHADE, TONES, records

PANEL = 320
"""Pixels of the width of a chart."""
HEIGHT = 190
_DASHES = alt.Scale(domain=["validation", "train"], range=[[1, 0], DASH])


def metrics_of(curve: LearningCurve) -> list[str]:
    """Return the metrics that a run's charts show: accuracy, loss, and what chose its epochs."""
    wanted = dict.fromkeys(("accuracy", "loss", curve.monitor))
    return [metric for metric in wanted if metric and curve.of(metric)]


def panel(
    curve: LearningCurve, metric: str, limits: tuple[float, float] | None = None
) -> alt.LayerChart | alt.FacetChart:
    """Draw one metric of one run: validation solid, training dashed, kept weights ringed.

    Args:
        curve: the run.
        metric: one of `metrics_of`.
        limits: of the vertical axis; None for those of this chart.
    """
    lines = curve.of(metric)
    seeds = len({line.seed for line in lines})
    series = [
        {"run": curve.run, "seed": line.seed, "split": line.split, "x": line.x,
         "y": tuple(height_of(metric, y) for y in line.y)}
        for line in lines
    ]  # fmt: skip
    values = sorted({x for line in lines for x in line.x})
    if limits is None:
        limits = limits_of(metric, (y for line in lines for y in line.y))
    x, y = x_axis(curve.x_kind, values), y_axis(metric, limits, METRICS[metric])
    color, shape = TONES[curve.family][curve.tone], FAMILY_SHAPES[curve.family]
    base = points(series).encode(x=x, y=y)
    line = base.mark_line(strokeWidth=1.4 if seeds > 1 else 2, color=color).encode(
        detail="seed:N", strokeDash=alt.StrokeDash("split:N", scale=_DASHES, legend=None)
    )
    dots = base.transform_filter(DOTTED).mark_point(size=24, color=color, shape=shape)
    dots = dots.encode(tooltip=tips(metric, curve.x_kind, seed=seeds > 1))
    marks = [
        each for each in (rings([curve], metric, mean=False), crosses([curve], metric)) if each
    ]
    layers = [*_since(curve, metric, limits, x, y), line, dots]
    layers += [mark.encode(x=x, y=y) for mark in marks if mark is not None]
    return alt.layer(*layers).properties(width=PANEL, height=HEIGHT)


def _since(
    curve: LearningCurve, metric: str, limits: tuple[float, float], x: alt.X, y: alt.Y
) -> Sequence[alt.Chart]:
    """Shade the epochs in which the run overfits, and name the first."""
    if metric != "loss" or curve.onset is None:
        return ()
    row = {"x": curve.onset.epoch, "end": curve.onset.epochs, "y": limits[0], "top": limits[1],
           "text": f"overfits from {curve.onset.epoch}", "run": curve.run}  # fmt: skip
    base = alt.Chart(records([row]))
    late = curve.onset.epoch > 0.6 * curve.onset.epochs
    return (
        base.mark_rect(color=SHADE, opacity=0.14).encode(x=x, x2="end:Q", y=y, y2="top:Q"),
        base.mark_text(
            align="right" if late else "left", baseline="bottom", dx=-6 if late else 6, dy=-6
        ).encode(x=x, y=y, text="text:N"),
    )
