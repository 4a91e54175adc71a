"""Training against test accuracy: a ring, a mark, and the gap between them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from pipeline.reporting.charts.accuracy import ROW
from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import (
    PAPER,
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
from pipeline.reporting.gaps import Gap

_TOLD = tooltips(
    ("run", "run"), ("train", "training accuracy", ".1%"), ("test", "test accuracy", ".1%"),
    ("points", "gap, points", ".1f"), ("finding", "by the rule"),
)  # fmt: skip


def draw_gaps(found: Sequence[Gap]) -> Drawing:
    """Draw one row a run: training accuracy as a ring, test accuracy filled, the gap between."""
    rows = [
        {
            "run": each.run, "family": each.family, "train": each.train, "test": each.test,
            "points": each.gap * 100, "finding": each.finding,
        }
        for each in found
    ]  # fmt: skip
    y = alt.Y("run:N", sort=None, title=None)
    axis = percent_axis("accuracy")
    x = alt.X("test:Q", axis=axis, scale=alt.Scale(zero=False, nice=True, padding=12))
    base = alt.Chart(records(rows)).encode(
        y=y, color=family_colour(), opacity=faded(), tooltip=_TOLD
    )
    line = base.mark_rule(strokeWidth=2).encode(x=alt.X("train:Q"), x2="test:Q")
    # The ring is filled with the page's colour, so that the line ends at its rim.
    ring = base.mark_point(filled=False, fill=PAPER, strokeWidth=2).encode(
        x="train:Q", shape=family_shape()
    )
    dot = base.mark_point().encode(x=x, shape=family_shape())
    chart = alt.layer(line, ring, dot).properties(width=WIDTH, height=ROW * len(rows))
    words = "; ".join(f"{each.run} {percent(each.train)}, {percent(each.test)}" for each in found)
    return Drawing("train_test", themed(chart), f"Training accuracy, then test accuracy: {words}.")
