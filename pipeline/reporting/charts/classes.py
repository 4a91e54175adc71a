"""Scores class by class, the best runs of the families side by side."""

from __future__ import annotations

import altair as alt

from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import (
    HAIRLINE,
    WIDTH,
    family_colour,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)
from pipeline.reporting.classes import ClassScores

_TOLD = tooltips(
    ("class", "class"), ("run", "run"), ("f1", "F1", ".1%"), ("precision", "precision", ".1%"),
    ("recall", "recall", ".1%"), ("support", "images", ","),
)  # fmt: skip


def draw_classes(found: ClassScores) -> Drawing:
    """Draw a line a class, the hardest first, with a mark a family at its F1."""
    step = 26 if len(found.classes) <= 40 else 17
    y = alt.Y("class:N", title=None, scale=alt.Scale(domain=list(found.classes)))
    x = alt.X("f1:Q", axis=percent_axis("F1, which weighs precision and recall alike"),
              scale=alt.Scale(zero=False, nice=True, padding=10))  # fmt: skip
    base = alt.Chart(records(found.rows)).encode(y=y)
    span = base.mark_rule(color=HAIRLINE, strokeWidth=2).encode(
        x=alt.X("min(f1):Q", title=None), x2="max(f1):Q"
    )
    dots = base.mark_point(size=80).encode(
        x=x, color=family_colour(), shape=family_shape(), tooltip=_TOLD
    )
    chart = alt.layer(span, dots).properties(width=WIDTH, height=step * len(found.classes))
    return Drawing("per_class", themed(chart), found.words)
