"""Confusion matrices as heat maps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import DARKEST, INK, SHADE, records, themed, tooltips
from pipeline.reporting.matrices import COUNTED_CLASSES, NAMED_CLASSES, ConfusionMatrix

_SIDE = 300
"""Pixels of a matrix without its labels."""
_TOLD = tooltips(
    ("actual", "actual class"), ("predicted", "predicted class"), ("count", "images", ","),
    ("share", "share of the row", ".1%"),
)  # fmt: skip


def draw_confusion(matrices: Sequence[ConfusionMatrix]) -> Drawing:
    """Draw all matrices, up to three a row."""
    charts = [_matrix(matrix).properties(title=matrix.run) for matrix in matrices]
    chart = alt.concat(*charts, columns=3, spacing=36)
    return Drawing("confusion", themed(chart, fluid=False), " ".join(m.words for m in matrices))


def draw_matrix(matrix: ConfusionMatrix, name: str) -> Drawing:
    """Draw the matrix of one run, as the page does where it has many classes."""
    return Drawing(name, themed(_matrix(matrix), fluid=False), matrix.words)


def _matrix(matrix: ConfusionMatrix) -> Any:
    """Draw a run; a cell's shade is its share of the row, cells without an image are left out."""
    n, names = len(matrix.class_names), matrix.class_names
    rows = [
        {"run": matrix.run, "actual": names[row], "predicted": names[column], "row": int(row),
         "column": int(column), "count": int(matrix.counts[row, column]),
         "share": float(matrix.shares[row, column])}
        for row, column in zip(*np.nonzero(matrix.counts), strict=True)
    ]  # fmt: skip
    order, side = list(range(n)), max(_SIDE, 3 * n)
    # By number, for two classes may share a name in all but a letter that looks the same.
    labels = [name if n <= NAMED_CLASSES else str(index + 1) for index, name in enumerate(names)]
    axis: dict[str, Any] = {
        "labelExpr": f"{_listed(labels)}[datum.value]",
        "labelLimit": 110,
        "values": order if n <= NAMED_CLASSES else [0, n - 1],
    }
    base = alt.Chart(records(rows)).encode(
        x=alt.X("column:O", title="predicted class", axis=alt.Axis(labelAngle=-45, **axis),
                scale=alt.Scale(domain=order)),
        y=alt.Y("row:O", title="actual class", axis=alt.Axis(**axis),
                scale=alt.Scale(domain=order)),
        tooltip=_TOLD,
    )  # fmt: skip
    counted = n <= COUNTED_CLASSES
    # Without numbers in them, cells of a few pixels have to be seen themselves.
    scale = alt.Scale(domain=[0, 1], range=[0.03, DARKEST] if counted else [0.25, 1])
    layers = [
        base.mark_rect(fill=SHADE).encode(opacity=alt.Opacity("share:Q", scale=scale, legend=None))
    ]
    if counted:
        layers.append(base.mark_text(fontSize=11, color=INK).encode(text="count:Q"))
    return alt.layer(*layers).properties(width=side, height=side)


def _listed(labels: Sequence[str]) -> str:
    """Write names as an array of Vega's expression language."""
    return json.dumps(list(labels), ensure_ascii=True)
