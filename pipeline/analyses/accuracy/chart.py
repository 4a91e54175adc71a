"""Test accuracy of every run with its interval, as dots on lines."""

from __future__ import annotations

import altair as alt

from pipeline.analyses.accuracy.view import Accuracy
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    MUTED,
    ROW,
    WIDTH,
    faded,
    family_color,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)

_TOOLTIPS = tooltips(
    ("run", "run"), ("family", "family"), ("test_accuracy", "test accuracy", ".1%"),
    ("test_ci_low", "95% interval from", ".1%"), ("test_ci_high", "to", ".1%"),
)  # fmt: skip


def draw(view: Accuracy) -> list[Drawing]:
    """Draw one row per run, in the order of the table: a mark on the line of its interval.

    The dotted line is the accuracy of always predicting the most common class.

    It is a file alone; the table on the page has a bar in each row.
    """
    rows = view.table[["run", "family", "test_accuracy", "test_ci_low", "test_ci_high"]]
    y = alt.Y("run:N", sort=None, title=None, axis=alt.Axis(labelColor=MUTED))
    x = alt.X(
        "test_accuracy:Q",
        axis=percent_axis("test accuracy with 95% interval"),
        scale=alt.Scale(zero=False, nice=True, padding=12),
    )
    base = alt.Chart(records(rows)).encode(y=y, color=family_color(), opacity=faded())
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("test_ci_low:Q"), x2="test_ci_high:Q", tooltip=_TOOLTIPS
    )
    dot = base.mark_point().encode(x=x, shape=family_shape(), tooltip=_TOOLTIPS)
    floor = (
        alt.Chart(records([{"share": view.majority.share}]))
        .mark_rule(strokeDash=[2, 3], strokeWidth=1.2)
        .encode(x="share:Q")
    )
    chart = alt.layer(floor, interval, dot).properties(width=WIDTH, height=ROW * len(rows))
    return [Drawing("accuracy", themed(chart), view.alt, place="")]
