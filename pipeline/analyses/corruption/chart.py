"""Accuracy on corrupted images: a heat map by corruption, and lines by severity."""

from __future__ import annotations

import altair as alt

from pipeline.analyses.corruption.view import NONE, Robustness
from pipeline.page.line_labels import end_labels, room_for_labels
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    DARKEST,
    INK,
    SHADE,
    WIDTH,
    faded,
    family_color,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)

_CLEAN = "no corruption"


def draw(view: Robustness) -> list[Drawing]:
    """Draw the heat map and the lines."""
    return [draw_heat_map(view), draw_severities(view)]


def draw_heat_map(found: Robustness) -> Drawing:
    """Draw runs over corruptions; a cell's shade and number are the accuracy there."""
    rows = found.cells.assign(
        label=[f"{share * 100:.0f}" for share in found.cells["accuracy"]],
        name=[_CLEAN if c == NONE else c.replace("_", " ") for c in found.cells["corruption"]],
    )
    names = [_CLEAN, *(corruption.replace("_", " ") for corruption in found.corruptions)]
    shown = tooltips(("run", "run"), ("name", "images"), ("accuracy", "accuracy", ".1%"))
    base = alt.Chart(records(rows)).encode(
        x=alt.X("run:N", axis=alt.Axis(labelAngle=-35, orient="top", title=None, labelLimit=140),
                scale=alt.Scale(domain=list(found.runs))),
        y=alt.Y("name:N", title=None, scale=alt.Scale(domain=names)),
        tooltip=shown,
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
    return Drawing("corruption", themed(chart, fluid=False), found.alt, "heat_map")


def draw_severities(found: Robustness) -> Drawing:
    """Draw accuracy by severity, the mean over corruptions; severity 0 is no corruption."""
    rows, height = found.severities, 320
    low, high = float(rows["accuracy"].min()), float(rows["accuracy"].max())
    limits = (round(max(0.0, low - 0.03), 4), round(min(1.0, high + 0.03), 4))
    shown = tooltips(("run", "run"), ("severity", "severity", "d"), ("accuracy", "accuracy", ".1%"))
    axis = alt.Axis(values=list(range(6)), format="d", title="severity")
    base = alt.Chart(records(rows)).encode(
        x=alt.X("severity:Q", axis=axis, scale=alt.Scale(nice=False, **room_for_labels())),
        y=alt.Y("accuracy:Q", axis=percent_axis(None),
                scale=alt.Scale(domain=list(limits), nice=False)),
        color=family_color(),
        opacity=faded(),
    )  # fmt: skip
    line = base.mark_line().encode(detail="run:N")
    dots = base.mark_point(size=45).encode(shape=family_shape(), tooltip=shown)
    last = int(rows["severity"].max())
    ends = rows[rows["severity"] == last].to_dict("records")
    labels = end_labels([{str(k): v for k, v in row.items()} for row in ends],
                        "accuracy", limits, height)  # fmt: skip
    chart = alt.layer(line, dots, labels).properties(width=WIDTH, height=height)
    return Drawing("corruption_severity", themed(chart), found.alt, "severities")
