"""Scores of each class, the best runs of the families side by side."""

from __future__ import annotations

import altair as alt

from pipeline.analyses.confusion.classes import ClassScores
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    HAIRLINE,
    WIDTH,
    family_color,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)

_TOOLTIPS = tooltips(
    ("class", "class"), ("run", "run"), ("f1", "F1", ".1%"), ("precision", "precision", ".1%"),
    ("recall", "recall", ".1%"), ("support", "images", ","),
)  # fmt: skip


def draw_classes(found: ClassScores) -> Drawing:
    """Draw a line per class, the hardest first, with a mark per family at its F1."""
    step = 26 if len(found.classes) <= 40 else 17
    y = alt.Y("class:N", title=None, scale=alt.Scale(domain=list(found.classes)))
    x = alt.X("f1:Q", axis=percent_axis("F1 (harmonic mean of precision and recall)"),
              scale=alt.Scale(zero=False, nice=True, padding=10))  # fmt: skip
    base = alt.Chart(records(found.rows)).encode(y=y)
    span = base.mark_rule(color=HAIRLINE, strokeWidth=2).encode(
        x=alt.X("min(f1):Q", title=None), x2="max(f1):Q"
    )
    dots = base.mark_point(size=80).encode(
        x=x, color=family_color(), shape=family_shape(), tooltip=_TOOLTIPS
    )
    chart = alt.layer(span, dots).properties(width=WIDTH, height=step * len(found.classes))
    return Drawing("per_class", themed(chart), found.alt, "classes")
