"""ROC and precision-recall curves of the best run of each family."""

from __future__ import annotations

import altair as alt

from pipeline.analyses.two_classes.view import CURVES, TwoClasses
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    MUTED,
    faded,
    family_color,
    percent_axis,
    records,
    themed,
    tooltips,
)

SIZE = 300


def draw(view: TwoClasses) -> list[Drawing]:
    """Draw both curves."""
    return [_draw(view, curve) for curve in CURVES]


def _draw(view: TwoClasses, curve: str) -> Drawing:
    """Draw a line per run; the dotted line is chance."""
    across, up = CURVES[curve]
    rows = view.curves[view.curves["curve"] == curve]
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", axis=percent_axis(across, labelOverlap=True, labelFlush=True), scale=scale)
    y = alt.Y("y:Q", axis=percent_axis(up), scale=scale)
    share = view.n_positive / view.n_test
    ends = (0.0, 1.0) if curve == "roc" else (share, share)
    chance = [{"x": at, "y": end} for at, end in zip((0, 1), ends, strict=True)]
    line = alt.Chart(records(chance)).mark_line(color=MUTED, strokeWidth=1, strokeDash=[1, 3])
    shown = tooltips(("run", "run"), ("x", across, ".1%"), ("y", up, ".1%"),
                     ("threshold", "threshold", ".3f"))  # fmt: skip
    curves = (
        alt.Chart(records(rows.assign(rank=range(len(rows)))))
        .mark_line()
        .encode(
            x=x, y=y, order="rank:Q", detail="run:N", color=family_color(), opacity=faded(),
            tooltip=shown,
        )
    )  # fmt: skip
    title = "ROC" if curve == "roc" else "Precision and recall"
    chart = alt.layer(line.encode(x=x, y=y), curves).properties(
        width=SIZE, height=SIZE - 40, title=title
    )
    column = "auc" if curve == "roc" else "average_precision"
    areas = view.areas.set_index("run")[column]
    listed = "; ".join(f"{run} {areas[run]:.3f}" for run, _ in view.members)
    return Drawing(f"two_classes_{curve}", themed(chart), f"{title}, area: {listed}.")
