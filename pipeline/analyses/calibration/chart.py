"""Reliability curves: accuracy by confidence."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.analyses.calibration.view import STAGES, Calibration, Reliability
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    FAMILY_COLORS,
    FAMILY_SHAPES,
    MUTED,
    PAPER,
    percent_axis,
    records,
    themed,
    tooltips,
)

SIZE = 300
_TOOLTIPS = tooltips(
    ("when", "probabilities"), ("confidence", "mean confidence", ".1%"),
    ("accuracy", "accuracy", ".1%"), ("n", "images", ","),
)  # fmt: skip


def draw(view: Calibration) -> list[Drawing]:
    """Draw the best run of each family."""
    return [draw_reliability(each) for each in view.curves]


def draw_reliability(found: Reliability) -> Drawing:
    """Draw accuracy over confidence: hollow and dashed as trained, filled and solid after scaling.

    On the diagonal, accuracy equals confidence.
    """
    rows = found.rows.assign(when=found.rows["stage"].map(STAGES))
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X(
        "confidence:Q",
        axis=percent_axis("confidence", labelOverlap=True, labelFlush=True),
        scale=scale,
    )
    y = alt.Y("accuracy:Q", axis=percent_axis("accuracy"), scale=scale)
    ideal = pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]})
    diagonal = (
        alt.Chart(records(ideal))
        .mark_line(color=MUTED, strokeWidth=1, strokeDash=[1, 3])
        .encode(x=x, y=y)
    )
    color, shape = FAMILY_COLORS[found.family], FAMILY_SHAPES[found.family]
    layers = [diagonal]
    for stage, dash, fill in (("before", [5, 4], PAPER), ("after", [1, 0], color)):
        base = alt.Chart(records(rows[rows["stage"] == stage])).encode(x=x, y=y)
        layers.append(base.mark_line(color=color, strokeWidth=1.8, strokeDash=dash))
        layers.append(
            base.mark_point(shape=shape, fill=fill, stroke=color, strokeWidth=1.8).encode(
                size=alt.Size("n:Q", scale=alt.Scale(range=[18, 160]), legend=None),
                tooltip=_TOOLTIPS,
            )
        )
    chart = alt.layer(*layers).properties(width=SIZE, height=SIZE - 40, title=found.run)
    return Drawing(f"reliability_{found.family}", themed(chart), found.alt)
