"""Curves of all values over one another, and their test accuracy with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd

from pipeline.analyses.ablations.view import Ablations, Factor
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    INK,
    MUTED,
    ROW,
    percent_axis,
    records,
    themed,
    tooltips,
)

PANEL = 330
"""Pixels of the width of one chart of curves."""
HIGHEST = 2.0
"""Times ln(classes): losses above it are cut off."""
_DASHES = alt.Scale(domain=["validation", "train"], range=[[1, 0], [5, 4]])
# Okabe and Ito's colors and three more, all with a contrast of 3:1 against both backgrounds.
COLORS = (
    *("#0072b2", "#d55e00", "#009e73", "#b0578d", "#8a7a00", "#6a6fd0", "#9a5b2f", "#3f8fa3"),
    *("#7a7a7a", "#c0504d"),
)


def draw(view: Ablations) -> list[Drawing]:
    """Draw, for each factor, the loss and accuracy by epoch, and the test accuracy."""
    found = []
    for factor in view.factors:
        if not factor.curves.empty:
            found += [draw_curves(factor, metric) for metric in ("loss", "accuracy")]
        found.append(draw_accuracy(factor))
    return found


def draw_curves(factor: Factor, metric: str) -> Drawing:
    """Draw one metric by epoch, the mean over trainings; training images dashed."""
    rows = factor.curves[factor.curves["metric"] == metric]
    scale = alt.Scale(domain=list(_limits(factor, rows, metric)), nice=False, zero=False)
    axis = percent_axis("accuracy") if metric == "accuracy" else alt.Axis(title="loss", grid=True)
    last = max(2, int(rows["epoch"].max()))
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, tickCount=6, format="d"),
              scale=alt.Scale(domain=[1, last], nice=False))  # fmt: skip
    shown = tooltips(("value", "value"), ("split", "images"), ("epoch", "epoch", "d"),
                     ("mean", metric, ".1%" if metric == "accuracy" else ".3f"),
                     ("trainings", "trainings", "d"))  # fmt: skip
    base = alt.Chart(records(rows)).encode(
        x=x,
        y=alt.Y("mean:Q", axis=axis, scale=scale),
        color=_color(factor.labels),
        tooltip=shown,
    )
    dash = alt.StrokeDash("split:N", scale=_DASHES, legend=None)
    lines = base.mark_line(clip=True, strokeWidth=1.8).encode(strokeDash=dash)
    dots = base.transform_filter("datum.split == 'validation'").mark_point(clip=True, size=16)
    chart = alt.layer(lines, dots).properties(width=PANEL, height=210)
    name = f"ablation_{factor.name}_{metric}"
    return Drawing(name, themed(chart), _told(factor, rows, metric), factor.name)


def draw_accuracy(factor: Factor) -> Drawing:
    """Draw the test accuracy of each value with its 95% interval."""
    rows = factor.values
    y = alt.Y("value:N", sort=None, title=None)
    x = alt.X("test_accuracy:Q", axis=percent_axis("test accuracy, with 95% interval"),
              scale=alt.Scale(zero=False, nice=True, padding=10))  # fmt: skip
    shown = tooltips(("value", "value"), ("test_accuracy", "test accuracy", ".1%"),
                     ("ci_low", "from", ".1%"), ("ci_high", "to", ".1%"))  # fmt: skip
    base = alt.Chart(records(rows[["value", "test_accuracy", "ci_low", "ci_high"]])).encode(
        y=y, tooltip=shown
    )
    color = _color(factor.labels, legend=False)
    rule = base.mark_rule(strokeWidth=2).encode(x=alt.X("ci_low:Q"), x2="ci_high:Q", color=color)
    dot = base.mark_point(size=60).encode(x=x, color=color)
    chart = alt.layer(rule, dot).properties(width=PANEL, height=max(ROW * len(rows), 60))
    return Drawing(f"ablation_{factor.name}", themed(chart), factor.alt, factor.name)


def _color(labels: Sequence[str], legend: bool = True) -> alt.Color:
    colors = [COLORS[index % len(COLORS)] for index in range(len(labels))]
    key = alt.Legend(title=None, orient="bottom", columns=3, labelColor=INK, titleColor=MUTED,
                     symbolType="stroke", labelLimit=120)  # fmt: skip
    scale = alt.Scale(domain=list(labels), range=colors)
    return alt.Color("value:N", scale=scale, legend=key if legend else None)


def _limits(factor: Factor, rows: pd.DataFrame, metric: str) -> tuple[float, float]:
    low, high = float(rows["mean"].min()), float(rows["mean"].max())
    pad = max(0.01, 0.04 * (high - low))
    if metric == "loss":
        classes = int(factor.values["classes"].max())
        return round(max(0.0, low - pad), 4), round(min(high + pad, HIGHEST * math.log(classes)), 4)
    return round(max(0.0, low - pad), 4), round(min(1.0, high + pad), 4)


def _told(factor: Factor, rows: pd.DataFrame, metric: str) -> str:
    """Say where each curve of the validation images ends."""
    own = rows[rows["split"] == "validation"]
    lasts = own.sort_values("epoch").groupby("value", sort=False)["mean"].last()
    form = "{:.1%}" if metric == "accuracy" else "{:.2f}"
    told = "; ".join(f"{label} {form.format(lasts[label])}"
                     for label in factor.labels if label in lasts)  # fmt: skip
    return f"Validation {metric} by epoch for each {factor.title}; at the end: {told}."
