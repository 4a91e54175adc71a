"""Names at the ends of lines, moved apart so that none covers another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.page.theme import IS_PICKED, MUTED, records

ROOM = 170
"""Pixels right of the lines."""
NARROW = 440
"""Charts of fewer pixels have no room for names: they have numbers, or no labels."""
NARROW_ROOM = 26
"""Pixels right of the lines for numbers."""
_LINE = 15
"""Pixels of a label's height."""


def room_for_labels(numbered: bool = False) -> dict[str, Any]:
    """Return options of a scale that leave room for labels on the right.

    Args:
        numbered: whether labels have numbers, for which there is room in narrow charts as well.
    """
    return {"range": [0, alt.ExprRef(_end_of_lines(numbered))]}


def _end_of_lines(numbered: bool) -> str:
    narrow = f"width - {NARROW_ROOM}" if numbered else "width"
    return f"(width > {NARROW} ? width - {ROOM} : {narrow})"


def end_labels(
    lasts: Sequence[Mapping[str, Any]], field: str, limits: tuple[float, float], height: int
) -> alt.Chart:
    """Write each run's name next to the last point of its line.

    Args:
        lasts: the last row of each line, with `run` and `field`.
        field: what is on the vertical axis.
        limits: its ends.
        height: of the chart, in pixels.
    """
    rows, size = _placed(lasts, field, limits, height)
    shown = f"width > {NARROW} && ({IS_PICKED})"
    return _texts(rows, field, size).encode(
        x=alt.XValue(alt.ExprRef(f"width - {ROOM} + 12")),
        text="run:N",
        opacity=alt.condition(shown, alt.value(1), alt.value(0)),
    )


def numbered_labels(
    lasts: Sequence[Mapping[str, Any]],
    field: str,
    limits: tuple[float, float],
    height: int,
    x: alt.X,
) -> alt.LayerChart | alt.FacetChart:
    """Write each run's number and name, in narrow charts its number, at the end of its line.

    A dotted line leads there from the last point, which may lie far to the left.

    Args:
        lasts: the last row of each line, with `run`, `number`, `x` and `field`.
        field: what is on the vertical axis.
        limits: its ends.
        height: of the chart, in pixels.
        x: the horizontal axis, its scale with `room_for_labels(numbered=True)`.
    """
    rows, size = _placed(lasts, field, limits, height)
    rows = [
        {**row, "x": last["x"], "last": last[field], "number": last["number"]}
        for row, last in zip(rows, lasts, strict=True)
    ]
    end, shown = _end_of_lines(numbered=True), alt.condition(IS_PICKED, alt.value(1), alt.value(0))
    leaders = (
        alt.Chart(records(rows))
        .mark_rule(color=MUTED, strokeDash=[1, 3], strokeWidth=1)
        .encode(
            x=x,
            y="last:Q",
            x2=alt.X2Value(alt.ExprRef(f"{end} + 7")),
            y2=f"{field}:Q",
            opacity=shown,
        )
    )
    text = alt.ExprRef(f"width > {NARROW} ? datum.number + '  ' + datum.run : '' + datum.number")
    labels = _texts(rows, field, size).encode(
        x=alt.XValue(alt.ExprRef(f"{end} + 10")), text=alt.TextValue(text), opacity=shown
    )
    return alt.layer(leaders, labels)


def _placed(
    lasts: Sequence[Mapping[str, Any]], field: str, limits: tuple[float, float], height: int
) -> tuple[list[dict[str, Any]], float]:
    """Return a row per label, with its height in units of the axis, and the size of the font."""
    size = limits[1] - limits[0]
    gap = min(_LINE / height, 1 / max(1, len(lasts)))
    placed = spread_out([(row[field] - limits[0]) / size for row in lasts], gap)
    rows = [
        {"run": row["run"], field: limits[0] + place * size}
        for row, place in zip(lasts, placed, strict=True)
    ]
    return rows, 12 if gap * height >= _LINE - 2 else max(7, gap * height * 0.8)


def _texts(rows: Sequence[Mapping[str, Any]], field: str, size: float) -> alt.Chart:
    return (
        alt.Chart(records(rows))
        .mark_text(align="left", baseline="middle", limit=ROOM - 12, color=MUTED, fontSize=size)
        .encode(y=f"{field}:Q")
    )


def spread_out(values: Sequence[float], gap: float) -> list[float]:
    """Move values within [0, 1] apart, in their order, until neighbors are `gap` apart."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    placed = [min(max(values[index], 0.0), 1.0) for index in order]
    for _ in range(200):
        for left in range(len(placed) - 1):
            missing = gap - (placed[left + 1] - placed[left])
            if missing > 0:
                placed[left] -= missing / 2
                placed[left + 1] += missing / 2
    moved = [0.0] * len(values)
    for index, value in zip(order, placed, strict=True):
        moved[index] = value
    return moved
