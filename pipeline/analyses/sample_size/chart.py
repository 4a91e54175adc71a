"""Accuracy by the number of training images, networks and classical runs in one chart."""

from __future__ import annotations

from typing import Any

import altair as alt

from pipeline.analyses.sample_size.view import SampleSize
from pipeline.page.line_labels import end_labels, room_for_labels
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    IS_PICKED,
    WIDTH,
    faded,
    family_color,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)

_HEIGHT = 360
_SHOWN = ["run", "family", "images", "draws", "accuracy", "ci_low", "ci_high"]


def draw(view: SampleSize) -> list[Drawing]:
    """Draw each run's mean over draws, with its 95% interval as a broad, faint bar."""
    rows = view.curves[_SHOWN]
    low, high = float(rows["ci_low"].min()), float(rows["ci_high"].max())
    limits = (round(max(0.0, low - 0.02), 4), round(min(1.0, high + 0.02), 4))
    sizes = view.sizes
    base = alt.Chart(records(rows)).encode(
        x=alt.X(
            "images:Q",
            title="training images, logarithmic",
            axis=alt.Axis(values=sizes, format=",", labelOverlap=True),
            scale=alt.Scale(
                type="log", nice=False, domain=[sizes[0], sizes[-1]], **room_for_labels()
            ),
        ),
        y=alt.Y(
            "accuracy:Q",
            axis=percent_axis(None),
            scale=alt.Scale(domain=list(limits), nice=False, zero=False),
        ),
        color=family_color(),
        detail="run:N",
    )
    band = base.mark_rule(strokeWidth=5, strokeCap="round").encode(
        y="ci_low:Q", y2="ci_high:Q", opacity=_faint()
    )
    line = base.mark_line().encode(opacity=faded())
    shown = tooltips(
        ("run", "run"),
        ("images", "training images", ","),
        ("accuracy", "accuracy", ".1%"),
        ("ci_low", "95% interval, low", ".1%"),
        ("ci_high", "95% interval, high", ".1%"),
    )
    dots = base.mark_point(size=45).encode(shape=family_shape(), opacity=faded(), tooltip=shown)
    ends = rows[rows["images"] == sizes[-1]].to_dict("records")
    labels = end_labels(
        [{str(key): value for key, value in row.items()} for row in ends],
        "accuracy",
        limits,
        _HEIGHT,
    )
    chart = alt.layer(band, line, dots, labels).properties(width=WIDTH, height=_HEIGHT)
    return [Drawing("sample_size", themed(chart), view.alt)]


def _faint() -> Any:
    """Return the opacity of the bars, which lie behind dots; those of other runs vanish."""
    return alt.condition(IS_PICKED, alt.value(0.25), alt.value(0.04))
