"""Test accuracy of every run with its interval, as dots on lines."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import (
    MUTED,
    WIDTH,
    faded,
    family_colour,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)
from pipeline.reporting.formats import percent

ROW = 26
"""Pixels of a run."""
_TOLD = tooltips(
    ("run", "run"), ("family", "family"), ("test_accuracy", "test accuracy", ".1%"),
    ("test_ci_low", "95 % interval from", ".1%"), ("test_ci_high", "to", ".1%"),
)  # fmt: skip


def draw_accuracy(accuracy: pd.DataFrame) -> Drawing:
    """Draw one row a run, in the order of the table: a mark on the line of its interval."""
    columns = ["run", "family", "test_accuracy", "test_ci_low", "test_ci_high"]
    rows = accuracy[columns]
    y = alt.Y("run:N", sort=None, title=None, axis=alt.Axis(labelColor=MUTED))
    x = alt.X(
        "test_accuracy:Q",
        axis=percent_axis("test accuracy with 95 % interval"),
        scale=alt.Scale(zero=False, nice=True, padding=12),
    )
    base = alt.Chart(records(rows)).encode(y=y, color=family_colour(), opacity=faded())
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("test_ci_low:Q"), x2="test_ci_high:Q", tooltip=_TOLD
    )
    dot = base.mark_point().encode(x=x, shape=family_shape(), tooltip=_TOLD)
    chart = alt.layer(interval, dot).properties(width=WIDTH, height=ROW * len(rows))
    return Drawing("accuracy", themed(chart), accuracy_words(accuracy))


def accuracy_words(accuracy: pd.DataFrame) -> str:
    """Say the accuracies of all runs, in the order of the table."""
    words = "; ".join(
        f"{row['run']} ({row['family']}) {percent(row['test_accuracy'])}, "
        f"{percent(row['test_ci_low'])} to {percent(row['test_ci_high'])}"
        for row in accuracy.to_dict("records")
    )
    return f"Test accuracy with 95 % intervals: {words}."
