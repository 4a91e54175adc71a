"""Names at the ends of lines, moved apart so that none covers another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.page.theme import IS_PICKED, MUTED, records

ROOM = 170
"""Pixels right of the lines."""
NARROW = 440
"""Charts of fewer pixels have no such labels: the legend has the names."""
_LINE = 15
"""Pixels of a label's height."""


def room_for_labels() -> dict[str, Any]:
    """Return options of a scale that leave room for labels on the right where the chart is wide."""
    return {"range": [0, alt.ExprRef(f"width > {NARROW} ? width - {ROOM} : width")]}


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
    size = limits[1] - limits[0]
    gap = min(_LINE / height, 1 / max(1, len(lasts)))
    placed = spread_out([(row[field] - limits[0]) / size for row in lasts], gap)
    rows = [
        {"run": row["run"], field: limits[0] + place * size}
        for row, place in zip(lasts, placed, strict=True)
    ]
    small = 12 if gap * height >= _LINE - 2 else max(7, gap * height * 0.8)
    shown = f"width > {NARROW} && ({IS_PICKED})"
    return (
        alt.Chart(records(rows))
        .mark_text(align="left", baseline="middle", limit=ROOM - 14, color=MUTED, fontSize=small)
        .encode(
            x=alt.XValue(alt.ExprRef(f"width - {ROOM} + 12")),
            y=f"{field}:Q",
            text="run:N",
            opacity=alt.condition(shown, alt.value(1), alt.value(0)),
        )
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
