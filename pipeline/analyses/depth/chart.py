"""Training and validation error by epoch, for plain and for residual networks, by depth.

After He, Zhang, Ren and Sun (CVPR 2016), figure 6: training error dashed, the error on unseen
images solid, the deeper network heavier.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import altair as alt

from pipeline.analyses.depth.view import DepthStudy
from pipeline.page.line_labels import spread_out
from pipeline.page.rendering import Drawing
from pipeline.page.theme import MUTED, faded, percent_axis, records, themed, tooltips

SHADES = ("#e4711b", "#ae4600")
"""The color of networks, lighter for the shallowest and darker for the deepest. Both have a
contrast of 3:1 against white and against the page's dark background, which leaves no room for a
wider range; line widths and labels distinguish the depths as well."""
SIZE = (420, 260)
_LABELS = 74
_DASHES = alt.Scale(domain=["validation", "train"], range=[[1, 0], [4, 3]])
_TOOLTIPS = tooltips(
    ("run", "run"), ("depth", "layers", "d"), ("split", "images"), ("epoch", "epoch", "d"),
    ("error", "error", ".1%"),
)  # fmt: skip


def error_limit(study: DepthStudy) -> float:
    """Return where the axis of errors ends, in steps of 0.05; the first epochs are cut off.

    Twice the largest error of the last quarter leaves room for the part of the curves in which the
    networks differ.
    """
    largest = max(study.on_average(*key, "validation") for key in study.lines)
    return min(1.0, max(0.05, math.ceil(largest * 2 * 20) / 20))


def shade(study: DepthStudy, depth: int) -> str:
    """Return the color of a depth, between the two `SHADES` by its rank."""
    rank = study.depths.index(depth) / max(1, len(study.depths) - 1) if study.depths[1:] else 1.0
    channels = zip(*(bytes.fromhex(each[1:]) for each in SHADES), strict=True)
    return "#" + "".join(f"{round(a + rank * (b - a)):02x}" for a, b in channels)


def draw(view: DepthStudy) -> list[Drawing]:
    """Draw the plain and the residual networks."""
    return [draw_half(view, residual) for residual in (False, True)]


def draw_half(study: DepthStudy, residual: bool) -> Drawing:
    """Draw the plain or the residual networks; both halves share one scale."""
    rows = list(_rows(study, residual))
    depths = list(study.depths)
    epochs = [each.epochs for each in study.lines.values()]
    ends = [min(each[0] for each in epochs), max(each[-1] for each in epochs)]
    colors = alt.Scale(domain=depths, range=[shade(study, depth) for depth in depths])
    widths = alt.Scale(domain=depths, range=[_width(study, depth) for depth in depths])
    x = alt.X(
        "epoch:Q",
        axis=alt.Axis(tickMinStep=1, tickCount=6, format="d"),
        scale=alt.Scale(domain=ends, nice=False, range=[0, alt.ExprRef(f"width - {_LABELS}")]),
    )
    y = alt.Y(
        "error:Q",
        axis=percent_axis(None),
        scale=alt.Scale(domain=[0, error_limit(study)], nice=False, clamp=True),
    )
    base = alt.Chart(records(rows)).encode(
        x=x, y=y, color=alt.Color("depth:N", scale=colors, legend=None), opacity=faded()
    )
    line = base.mark_line(clip=True).encode(
        detail="run:N",
        strokeDash=alt.StrokeDash("split:N", scale=_DASHES, legend=None),
        strokeWidth=alt.StrokeWidth("depth:N", scale=widths, legend=None),
    )
    dots = base.mark_point(size=50, opacity=0).encode(tooltip=_TOOLTIPS, opacity=alt.value(0))
    name = "residual" if residual else "plain"
    title = f"Error {'with shortcuts (residual)' if residual else 'without shortcuts (plain)'}"
    chart = alt.layer(line, dots, _labels(study, residual)).properties(
        width=SIZE[0], height=SIZE[1], title=title
    )
    return Drawing(f"depth_{name}", themed(chart), study.alt(residual))


def _width(study: DepthStudy, depth: int) -> float:
    return 1.4 + 1.6 * study.depths.index(depth) / max(1, len(study.depths) - 1)


def _rows(study: DepthStudy, residual: bool) -> Iterator[dict[str, Any]]:
    for depth in study.depths:
        line = study.lines[depth, residual]
        for split in ("train", "validation"):
            for epoch, error in zip(line.epochs, getattr(line, split), strict=True):
                yield {"run": line.run, "depth": depth, "split": split, "epoch": epoch,
                       "error": error}  # fmt: skip


def _labels(study: DepthStudy, residual: bool) -> alt.Chart:
    """Label the end of each line with its number of layers and its images."""
    top, names, ends = error_limit(study), {"train": "train.", "validation": "valid."}, []
    for depth in study.depths:
        for split, name in names.items():
            error = getattr(study.lines[depth, residual], split)[-1]
            ends.append((min(error / top, 1.0), f"{depth} {name}"))
    placed = spread_out([place for place, _ in ends], 16 / SIZE[1])
    rows = [
        {"error": place * top, "label": text} for place, (_, text) in zip(placed, ends, strict=True)
    ]
    return (
        alt.Chart(records(rows))
        .mark_text(align="left", baseline="middle", color=MUTED)
        .encode(
            x=alt.XValue(alt.ExprRef(f"width - {_LABELS} + 8")),
            y="error:Q",
            text="label:N",
        )
    )
