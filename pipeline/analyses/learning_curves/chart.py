"""Learning curves: all runs of a kind in one chart, and each run by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.analyses.learning_curves.view import KINDS, LearningCurve, LearningCurves
from pipeline.page.line_labels import end_labels, room_for_labels
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    INK,
    WIDTH,
    faded,
    family_color,
    family_shape,
    percent_axis,
    records,
    themed,
    tooltips,
)

PANEL = 320
"""Pixels of the width of one run's chart."""
_DASHES = alt.Scale(domain=["validation", "train"], range=[[1, 0], [5, 4]])


def draw(view: LearningCurves) -> list[Drawing]:
    """Draw all runs together, a chart per kind, and each run by itself on one scale."""
    limits = _limits(value for curve in view.curves for line in curve.lines for value in line.y)
    return [
        *(draw_together(view.curves, kind) for kind in view.kinds),
        *(draw_panel(curve, limits, f"curve-{index}") for index, curve in enumerate(view.panels)),
    ]


def draw_together(curves: Sequence[LearningCurve], x_kind: str) -> Drawing:
    """Draw the validation accuracy of all runs of one kind, the mean over their seeds.

    A run that a reader selects shows its training accuracy as well, dashed.

    Args:
        curves: of the study; those of another kind are left out.
        x_kind: ``epoch`` or ``images``.
    """
    shown = [curve for curve in curves if curve.x_kind == x_kind]
    rows = [row for curve in shown for row in _mean_rows(curve)]
    limits = _limits(row["accuracy"] for row in rows)
    base = alt.Chart(records(rows)).encode(
        x=_x(x_kind, rows, room_for_labels()), y=_y(limits), detail="run:N", color=family_color()
    )
    validation = base.transform_filter("datum.split == 'validation'").encode(
        opacity=faded(rest=0.1)
    )
    train = (
        base.transform_filter("datum.split == 'train' && indexof(picked, datum.run) >= 0")
        .mark_line(strokeWidth=1.4, strokeDash=[5, 4])
    )  # fmt: skip
    dots = (
        base.transform_filter("datum.split == 'validation' || indexof(picked, datum.run) >= 0")
        .mark_point(size=26)
        .encode(opacity=faded(rest=0.1), shape=family_shape(), tooltip=_tooltips(x_kind))
    )
    best = _best(shown).encode(x=_x(x_kind, rows, room_for_labels()), y=_y(limits), opacity=faded())
    lasts = {row["run"]: row for row in rows if row["split"] == "validation"}
    labels = end_labels(list(lasts.values()), "accuracy", limits, height=340)
    layers = [validation.mark_line(), train, dots, best, labels]
    chart = alt.layer(*layers).properties(width=WIDTH, height=340)
    alt_text = " ".join(curve.alt for curve in shown)
    return Drawing(f"learning_by_{x_kind}", themed(chart), alt_text, "together")


def draw_panel(curve: LearningCurve, limits: tuple[float, float], name: str) -> Drawing:
    """Draw one run: each seed, validation solid, training dashed, kept weights ringed."""
    rows = list(_rows(curve))
    thin = 0.7 if len({row["seed"] for row in rows}) > 1 else 1.0
    x, y = _x(curve.x_kind, rows), _y(limits)
    base = alt.Chart(records(rows)).encode(x=x, y=y, color=family_color())
    line = base.mark_line(strokeWidth=2 * thin).encode(
        detail="seed:N", strokeDash=alt.StrokeDash("split:N", scale=_DASHES, legend=None)
    )
    dots = base.mark_point(size=18 if len(rows) > 60 else 30).encode(
        shape=family_shape(), tooltip=_tooltips(curve.x_kind, seed=len(curve.lines) > 2)
    )
    chart = alt.layer(line, dots, _best([curve]).encode(x=x, y=y)).properties(
        width=PANEL, height=190
    )
    return Drawing(name, themed(chart), curve.alt, "panels", file=False)


def _limits(values: Iterator[float]) -> tuple[float, float]:
    listed = list(values)
    low, high = min(listed), max(listed)
    pad = max(0.01, 0.04 * (high - low))
    # Rounded, so that digits that a table does not keep move no pixel.
    return round(max(0.0, low - pad), 4), round(min(1.0, high + pad), 4)


def _x(
    x_kind: str, rows: Sequence[Mapping[str, Any]], scale: dict[str, Any] | None = None
) -> alt.X:
    scale, values = scale or {}, sorted({row["x"] for row in rows})
    if x_kind == "images":
        axis = alt.Axis(values=_doublings(values), format=",", labelOverlap=True)
        kind = alt.Scale(type="log", base=2, nice=False, domain=[values[0], values[-1]], **scale)
    else:
        axis = alt.Axis(tickMinStep=1, tickCount=8, format="d")
        last = max(values[-1], values[0] + 1)
        kind = alt.Scale(nice=False, domain=[values[0], last], **scale)
    return alt.X("x:Q", title=KINDS[x_kind], axis=axis, scale=kind)


def _doublings(values: Sequence[float]) -> list[float]:
    """Thin out sizes that are too close together for their numbers to fit."""
    kept: list[float] = []
    for value in reversed(values):
        if not kept or value * 1.6 <= kept[-1]:
            kept.append(value)
    return kept[::-1]


def _y(limits_: tuple[float, float]) -> alt.Y:
    scale = alt.Scale(domain=list(limits_), nice=False, zero=False)
    return alt.Y("accuracy:Q", axis=percent_axis(None), scale=scale)


def _tooltips(x_kind: str, seed: bool = False) -> list[alt.Tooltip]:
    seeds = [("seed", "seed")] if seed else []
    kind = ("x", "epoch" if x_kind == "epoch" else "training images", ",")
    return tooltips(("run", "run"), *seeds, ("split", "images"), kind,
                    ("accuracy", "accuracy", ".1%"))  # fmt: skip


def _rows(curve: LearningCurve) -> Iterator[dict[str, Any]]:
    for line in curve.lines:
        for x, accuracy in zip(line.x, line.y, strict=True):
            yield {"run": curve.run, "family": curve.family, "seed": line.seed,
                   "split": line.split, "x": x, "accuracy": accuracy}  # fmt: skip


def _mean_rows(curve: LearningCurve) -> list[dict[str, Any]]:
    found: dict[tuple[str, float], list[float]] = {}
    for row in _rows(curve):
        found.setdefault((row["split"], row["x"]), []).append(row["accuracy"])
    return [
        {"run": curve.run, "family": curve.family, "split": split, "x": x,
         "accuracy": sum(values) / len(values)}
        for (split, x), values in found.items()
    ]  # fmt: skip


def _best(curves: Sequence[LearningCurve]) -> alt.Chart:
    rows = [
        {"run": curve.run, "family": curve.family, "x": epoch, "accuracy": accuracy,
         "split": "validation, best epoch"}
        for curve in curves
        for epoch, accuracy in curve.best
    ]  # fmt: skip
    return (
        alt.Chart(records(rows))
        .mark_point(filled=False, shape="circle", size=150, stroke=INK, strokeWidth=1.5)
        .encode(tooltip=_tooltips("epoch"))
    )
