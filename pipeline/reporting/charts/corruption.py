"""Accuracy on corrupted images: a heat map by corruption, and lines by severity."""

from __future__ import annotations

import altair as alt

from pipeline.reporting.charts.labels import end_labels, room_for_labels
from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import (
    DARKEST,
    INK,
    SHADE,
    WIDTH,
    faded,
    family_colour,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)
from pipeline.reporting.corruption import NONE, Robustness

_AS_IS = "as they are"


def draw_heat_map(found: Robustness) -> Drawing:
    """Draw runs over corruptions; a cell's shade and number are the accuracy there."""
    rows = found.cells.assign(
        label=[f"{share * 100:.0f}" for share in found.cells["accuracy"]],
        name=[_AS_IS if c == NONE else c.replace("_", " ") for c in found.cells["corruption"]],
    )
    names = [_AS_IS, *(corruption.replace("_", " ") for corruption in found.corruptions)]
    told = tooltips(("run", "run"), ("name", "images"), ("accuracy", "right", ".1%"))
    base = alt.Chart(records(rows)).encode(
        x=alt.X("run:N", axis=alt.Axis(labelAngle=-35, orient="top", title=None, labelLimit=140),
                scale=alt.Scale(domain=list(found.runs))),
        y=alt.Y("name:N", title=None, scale=alt.Scale(domain=names)),
        tooltip=told,
    )  # fmt: skip
    scale = alt.Scale(domain=[0, 1], range=[0.0, DARKEST])
    cells = base.mark_rect(fill=SHADE).encode(
        opacity=alt.Opacity("accuracy:Q", scale=scale, legend=None)
    )
    numbers = base.mark_text(color=INK, fontSize=11).encode(text="label:N", opacity=faded(rest=0.2))
    step = 62 if len(found.runs) <= 16 else 34
    chart = alt.layer(cells, numbers).properties(
        width=step * len(found.runs), height=25 * len(names)
    )
    return Drawing("corruption", themed(chart, fluid=False), found.words)


def draw_severities(found: Robustness) -> Drawing:
    """Draw accuracy by severity, the mean over corruptions; severity 0 is the image as it is."""
    rows, height = found.severities, 320
    low, high = float(rows["accuracy"].min()), float(rows["accuracy"].max())
    limits = (round(max(0.0, low - 0.03), 4), round(min(1.0, high + 0.03), 4))
    told = tooltips(("run", "run"), ("severity", "severity", "d"), ("accuracy", "right", ".1%"))
    axis = alt.Axis(values=list(range(6)), format="d", title="severity")
    base = alt.Chart(records(rows)).encode(
        x=alt.X("severity:Q", axis=axis, scale=alt.Scale(nice=False, **room_for_labels())),
        y=alt.Y("accuracy:Q", axis=percent_axis(None),
                scale=alt.Scale(domain=list(limits), nice=False)),
        color=family_colour(),
        opacity=faded(),
    )  # fmt: skip
    line = base.mark_line().encode(detail="run:N")
    dots = base.mark_point(size=45).encode(shape=family_shape(), tooltip=told)
    last = int(rows["severity"].max())
    ends = rows[rows["severity"] == last].to_dict("records")
    labels = end_labels([{str(k): v for k, v in row.items()} for row in ends],
                        "accuracy", limits, height)  # fmt: skip
    chart = alt.layer(line, dots, labels).properties(width=WIDTH, height=height)
    return Drawing("corruption_severity", themed(chart), found.words)
