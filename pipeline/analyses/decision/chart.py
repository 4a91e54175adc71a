"""Accuracy against coverage, for the best run of each family."""

from __future__ import annotations

import altair as alt

from pipeline.analyses.decision.view import Decision
from pipeline.page.line_labels import end_labels, room_for_labels
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    WIDTH,
    faded,
    family_color,
    percent_axis,
    records,
    themed,
    tooltips,
)

HEIGHT = 280


def draw(view: Decision) -> list[Drawing]:
    """Draw a line per run, from the surest images to all of them."""
    rows = view.coverage
    low = min(0.95, round(float(rows["accuracy"].min()) - 0.01, 4))
    limits = (max(0.0, low), 1.0)
    shown = tooltips(("run", "run"), ("coverage", "answered", ".1%"),
                     ("accuracy", "accuracy on these images", ".1%"),
                     ("threshold", "confidence from", ".3f"))  # fmt: skip
    x_scale = alt.Scale(domain=[0, 1], nice=False, **room_for_labels())
    x = alt.X("coverage:Q", axis=percent_axis("test images that are classified"), scale=x_scale)
    y_scale = alt.Scale(domain=list(limits), nice=False)
    y = alt.Y("accuracy:Q", axis=percent_axis("accuracy on these images"), scale=y_scale)
    lines = (
        alt.Chart(records(rows))
        .mark_line()
        .encode(
            x=x, y=y, detail="run:N", color=family_color(), opacity=faded(), tooltip=shown
        )
    )  # fmt: skip
    lasts = [
        {"run": str(run), "accuracy": float(part["accuracy"].iloc[-1])}
        for run, part in rows.groupby("run", sort=False)
    ]
    labels = end_labels(lasts, "accuracy", limits, height=HEIGHT)
    chart = alt.layer(lines, labels).properties(width=WIDTH, height=HEIGHT)
    return [Drawing("coverage", themed(chart), " ".join(view.sure))]
