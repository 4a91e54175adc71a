"""Test accuracy against cost, on a logarithmic scale, with the Pareto frontier as steps."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from pipeline.analyses.cost.view import Cost, Frontier
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    INK,
    MUTED,
    faded,
    family_color,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)

SIZE = (330, 290)
_PADDING = 24
_BETWEEN = SIZE[0] - 2 * _PADDING - 35
"""Pixels from the cheapest run to the most expensive one: the width without the axis."""
SHORT = "format(datum.value, datum.value < 1000 ? '~g' : '~s')"
"""Numbers on the axis: ``0.02``, ``10``, ``1k``; without prefixes below 1, which need a unit."""
_LIMIT, _LINE = 150, 0.065
"""The largest width of a name in pixels; its height as a share of the range of accuracies."""
MOST_TICKS = 6
"""So many numbers fit beside each other on a phone."""


def draw(view: Cost) -> list[Drawing]:
    """Draw every measure of cost."""
    return [draw_frontier(each) for each in view.frontiers]


def draw_frontier(found: Frontier) -> Drawing:
    """Draw every run at its cost and accuracy; those on the frontier are labeled."""
    data = records(found.rows)
    shown = tooltips(("run", "run"), ("family", "family"), ("accuracy", "test accuracy", ".1%"),
                    ("low", "95% interval from", ".1%"), ("high", "to", ".1%"),
                    ("cost", found.unit, ",.3~r"))  # fmt: skip
    values = ticks(float(found.rows["cost"].min()), float(found.rows["cost"].max()))
    axis = alt.Axis(labelExpr=SHORT, labelOverlap=True, values=values, title=found.unit)
    x = alt.X("cost:Q", axis=axis, scale=alt.Scale(type="log", nice=False, padding=_PADDING))
    y_scale = alt.Scale(zero=False, nice=True, padding=12)
    y = alt.Y("accuracy:Q", axis=percent_axis(None), scale=y_scale)
    best = found.rows[found.rows["best"]].sort_values("cost")
    steps = (
        alt.Chart(records(best))
        .mark_line(interpolate="step-after", color=MUTED, strokeWidth=1.2, strokeDash=[2, 3])
        .encode(x=x, y=y)
    )
    base = alt.Chart(data).encode(x=x, color=family_color(), opacity=faded())
    interval = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q"), y2="high:Q", tooltip=shown)
    dots = base.mark_point(size=85).encode(y=y, shape=family_shape(), tooltip=shown)
    chart = alt.layer(steps, interval, dots, *_names(best, found.rows, x, y)).properties(
        width=SIZE[0], height=SIZE[1], title=found.title
    )
    return Drawing(f"cost_{found.measure}", themed(chart), found.alt)


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers for a logarithmic axis from `low` to `high`, `MOST_TICKS` at the most.

    The finest of 1-2-5 steps, 1-3 steps, powers of ten, and each second, third, ... power of ten.
    Where both ends are within one step, the ends themselves are marked.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found: list[float] = []
    for digits, step in [((1, 2, 5), 1), ((1, 3), 1), *(((1,), each) for each in range(1, 100))]:
        decades = range(first, last + 1, step)
        # From text, for 3 * 10.0**-1 is not 0.3.
        all_ = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        found = [value for value in all_ if low <= value <= high]
        if len(found) <= MOST_TICKS:
            break
    return found if len(found) > 1 else sorted({float(f"{end:.2g}") for end in (low, high)})


def _names(best: pd.DataFrame, rows: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Label the runs on the frontier, the best first, where the labels do not overlap.

    Labels in the left half begin at their dot, those in the right half end there, within the chart.
    """
    cost, accuracy = np.log(rows["cost"]), rows["accuracy"]
    wide, high = max(cost.max() - cost.min(), 1e-9), max(accuracy.max() - accuracy.min(), 1e-9)
    kept: dict[str, list[dict[Any, Any]]] = {"left": [], "right": []}
    taken: list[tuple[float, float, float]] = []  # from, to and height of names, as shares
    for row in best.sort_values("accuracy", ascending=False).to_dict("records"):
        across, up = (math.log(row["cost"]) - cost.min()) / wide, row["accuracy"] / high
        side, length = "left" if across <= 0.5 else "right", min(_LIMIT, 6 * len(row["run"]))
        start = across - (length / _BETWEEN if side == "right" else 0)
        end = start + length / _BETWEEN
        if all(abs(up - other) > _LINE or end < low or start > to for low, to, other in taken):
            taken.append((start, end, up))
            kept[side].append(row)
    shifts = {"left": -5, "right": 5}
    return [_text(part, x, y, align=side, dx=shifts[side]) for side, part in kept.items() if part]


def _text(kept: list[dict[Any, Any]], x: alt.X, y: alt.Y, **options: Any) -> alt.Chart:
    rows = [{key: each[key] for key in ("run", "cost", "accuracy")} for each in kept]
    names = alt.Chart(records(rows)).mark_text(
        dy=-10, limit=_LIMIT, fontSize=11, color=INK, **options
    )
    return names.encode(x=x, y=y, text="run:N", opacity=faded(rest=0))
