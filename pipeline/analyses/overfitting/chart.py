"""Training against test accuracy: a ring, a mark, and the gap between them."""

from __future__ import annotations

import altair as alt

from pipeline.analyses.overfitting.view import Overfitting
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    PAPER,
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
    ("run", "run"), ("train", "training accuracy", ".1%"), ("test", "test accuracy", ".1%"),
    ("points", "generalization gap, points", ".1f"), ("finding", "by the rule"),
)  # fmt: skip


def draw(view: Overfitting) -> list[Drawing]:
    """Draw one row per run: training accuracy as a ring, test accuracy filled, the gap between."""
    rows = [
        {
            "run": each.run, "family": each.family, "train": each.train, "test": each.test,
            "points": each.gap * 100, "finding": each.finding,
        }
        for each in view.gaps
    ]  # fmt: skip
    y = alt.Y("run:N", sort=None, title=None)
    axis = percent_axis("accuracy")
    x = alt.X("test:Q", axis=axis, scale=alt.Scale(zero=False, nice=True, padding=12))
    base = alt.Chart(records(rows)).encode(
        y=y, color=family_color(), opacity=faded(), tooltip=_TOOLTIPS
    )
    line = base.mark_rule(strokeWidth=2).encode(x=alt.X("train:Q"), x2="test:Q")
    # The ring is filled with the page's color, so that the line ends at its rim.
    ring = base.mark_point(filled=False, fill=PAPER, strokeWidth=2).encode(
        x="train:Q", shape=family_shape()
    )
    dot = base.mark_point().encode(x=x, shape=family_shape())
    chart = alt.layer(line, ring, dot).properties(width=WIDTH, height=ROW * len(rows))
    return [Drawing("train_test", themed(chart), view.alt)]
