"""Reliability curves: how often a run is right, by how sure it is."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.reporting.calibration import STAGES, Reliability
from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import (
    FAMILY_COLOURS,
    FAMILY_SHAPES,
    MUTED,
    PAPER,
    percent_axis,
    records,
    themed,
    tooltips,
)

SIZE = 300
_TOLD = tooltips(
    ("when", "probabilities"), ("confidence", "mean confidence", ".1%"),
    ("accuracy", "right", ".1%"), ("n", "images", ","),
)  # fmt: skip


def draw_reliability(found: Reliability) -> Drawing:
    """Draw accuracy over confidence: hollow and dashed as trained, filled and solid after scaling.

    The diagonal is where a run is right as often as it says.
    """
    rows = found.rows.assign(when=found.rows["stage"].map(STAGES))
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X(
        "confidence:Q",
        axis=percent_axis("confidence of the run", labelOverlap=True, labelFlush=True),
        scale=scale,
    )
    y = alt.Y("accuracy:Q", axis=percent_axis("right"), scale=scale)
    ideal = pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]})
    diagonal = (
        alt.Chart(records(ideal))
        .mark_line(color=MUTED, strokeWidth=1, strokeDash=[1, 3])
        .encode(x=x, y=y)
    )
    colour, shape = FAMILY_COLOURS[found.family], FAMILY_SHAPES[found.family]
    layers = [diagonal]
    for stage, dash, fill in (("before", [5, 4], PAPER), ("after", [1, 0], colour)):
        base = alt.Chart(records(rows[rows["stage"] == stage])).encode(x=x, y=y)
        layers.append(base.mark_line(color=colour, strokeWidth=1.8, strokeDash=dash))
        layers.append(
            base.mark_point(shape=shape, fill=fill, stroke=colour, strokeWidth=1.8).encode(
                size=alt.Size("n:Q", scale=alt.Scale(range=[18, 160]), legend=None), tooltip=_TOLD
            )
        )
    chart = alt.layer(*layers).properties(width=SIZE, height=SIZE - 40, title=found.run)
    return Drawing(f"reliability_{found.family}", themed(chart), found.words)
