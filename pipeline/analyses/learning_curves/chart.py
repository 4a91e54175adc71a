"""Learning curves: all runs of a kind in one chart per metric, and each run by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.analyses.learning_curves.axes import (
    DASH,
    DOTTED,
    crosses,
    height_of,
    limits_of,
    points,
    rings,
    tips,
    with_rates,
    x_axis,
    y_axis,
)
from pipeline.analyses.learning_curves.panels import metrics_of, panel
from pipeline.analyses.learning_curves.view import (
    METRICS,
    NETWORKS,
    SHARES,
    LearningCurve,
    LearningCurves,
    figure_name,
)
from pipeline.page.line_labels import numbered_labels, room_for_labels
from pipeline.page.rendering import Drawing
from pipeline.page.theme import PICKED, WIDTH, faded, family_shape, themed, tone_color

HEIGHT = 340
_REST = 0.1
"""Opacity of what was not selected."""


def draw(view: LearningCurves) -> list[Drawing]:
    """Draw all runs together, a chart per kind and metric, and each run by itself."""
    together = [draw_together(view.curves, "epoch", metric) for metric in view.by_epoch]
    if "images" in view.kinds:
        together.append(draw_together(view.curves, "images", "accuracy"))
    panels = _panels(view)
    return [*together, *_placed(view, panels), *_networks(view, panels)]


def draw_together(curves: Sequence[LearningCurve], x_kind: str, metric: str) -> Drawing:
    """Draw one metric of all runs of one kind on validation images, the mean over their seeds.

    A run that a reader selects shows its training images as well, dashed.

    Args:
        curves: of the study; those of another kind, or without the metric, are left out.
        x_kind: ``epoch`` or ``images``.
        metric: one of `view.METRICS`.
    """
    shown = [curve for curve in curves if curve.x_kind == x_kind and curve.of(metric)]
    series = [row for curve in shown for row in _series(curve, metric)]
    main = "train" if metric == "learning_rate" else "validation"
    limits = limits_of(metric, (y for row in series for y in row["y"]))
    values = sorted({x for row in series for x in row["x"]})
    x = x_axis(x_kind, values, room_for_labels(numbered=True))
    y = y_axis(metric, limits, METRICS[metric])
    base = points(series)
    if metric == "learning_rate":
        base = with_rates(base)
    base = base.encode(x=x, y=y, detail="run:N", color=tone_color())
    solid = base.transform_filter(f"datum.split == '{main}'").mark_line()
    dashed = base.transform_filter(
        f"datum.split != '{main}' && indexof({PICKED}, datum.run) >= 0"
    ).mark_line(strokeWidth=1.4, strokeDash=DASH)
    dots = (
        base.transform_filter(DOTTED)
        .transform_filter(f"datum.split == '{main}' || indexof({PICKED}, datum.run) >= 0")
        .mark_point(size=22)
        .encode(opacity=faded(_REST), shape=family_shape(), tooltip=tips(metric, x_kind))
    )
    marks = (rings(shown, metric, mean=True), crosses(shown, metric))
    lasts = [
        {"run": row["run"], "number": row["number"], "x": row["x"][-1], "y": row["y"][-1]}
        for row in series
        if row["split"] == main
    ]
    labels = numbered_labels(lasts, "y", limits, HEIGHT, x)
    layers = [solid.encode(opacity=faded(_REST)), dashed, dots]
    layers += [mark.encode(x=x, y=y, opacity=faded()) for mark in marks if mark is not None]
    chart = alt.layer(*layers, labels).properties(width=WIDTH, height=HEIGHT)
    text = " ".join(curve.describe(metric) for curve in shown)
    return Drawing(figure_name(x_kind, metric), themed(chart), text, "together")


def _series(curve: LearningCurve, metric: str) -> Iterator[dict[str, Any]]:
    """Return a row per split: the mean over seeds."""
    for split in ("validation", "train"):
        means = curve.mean(metric, split)
        if metric == "learning_rate":
            means = {x: rate for x, rate in means.items() if rate > 0}
        if means:
            row = {"run": curve.run, "number": curve.number, "family": curve.family,
                   "tone": f"{curve.family}-{curve.tone}", "split": split, "x": tuple(means),
                   "y": tuple(height_of(metric, value) for value in means.values())}  # fmt: skip
            yield row


def _panels(view: LearningCurves) -> dict[str, dict[str, alt.LayerChart | alt.FacetChart]]:
    """Return run -> metric -> its chart, all on one scale of accuracy."""
    shares = [y for c in view.curves for m in SHARES for line in c.of(m) for y in line.y]
    limits = limits_of("accuracy", shares)
    return {
        curve.run: {
            metric: panel(curve, metric, limits if metric in SHARES else None)
            for metric in metrics_of(curve)
        }
        for curve in view.panels
    }


def _placed(
    view: LearningCurves, panels: Mapping[str, Mapping[str, alt.LayerChart | alt.FacetChart]]
) -> Iterator[Drawing]:
    """Draw each run by itself for the page."""
    for curve in view.panels:
        for metric, chart in panels[curve.run].items():
            name, place = f"curve-{curve.number}-{metric}", f"panel-{curve.number}"
            yield Drawing(name, themed(chart), curve.describe(metric), place, file=False)


def _networks(
    view: LearningCurves, panels: Mapping[str, Mapping[str, alt.LayerChart | alt.FacetChart]]
) -> Iterator[Drawing]:
    """Draw the same charts of all networks in one file: a row per network."""
    networks = [curve for curve in view.panels if curve.of("loss")]
    rows = [alt.hconcat(*panels[each.run].values(), title=each.run) for each in networks]
    if rows:
        descriptions = [
            curve.describe(metric) for curve in networks for metric in metrics_of(curve)
        ]
        chart = themed(alt.vconcat(*rows), fluid=False)
        yield Drawing(NETWORKS, chart, " ".join(descriptions), place="")
