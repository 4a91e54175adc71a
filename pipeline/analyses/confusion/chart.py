"""Confusion matrices as heat maps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from pipeline.analyses.confusion.class_chart import draw_classes
from pipeline.analyses.confusion.matrices import COUNTED_CLASSES, NAMED_CLASSES, ConfusionMatrix
from pipeline.analyses.confusion.view import Confusion
from pipeline.page.rendering import Drawing
from pipeline.page.theme import DARKEST, INK, SHADE, records, themed, tooltips

_SIDE = 300
"""Pixels of a matrix without its labels."""
_TOOLTIPS = tooltips(
    ("actual", "actual class"), ("predicted", "predicted class"), ("count", "images", ","),
    ("share", "share of the row", ".1%"),
)  # fmt: skip


def draw(view: Confusion) -> list[Drawing]:
    """Draw the matrices and the scores of the classes.

    All matrices share one file. The page has tables instead, or with many classes a chart of each.
    """
    each = view.matrices if view.many_classes else ()
    return [
        draw_all(view.matrices),
        *(draw_matrix(matrix, f"confusion-{index}") for index, matrix in enumerate(each)),
        draw_classes(view.classes),
    ]


def draw_all(matrices: Sequence[ConfusionMatrix]) -> Drawing:
    """Draw all matrices, up to three per row."""
    charts = [_matrix(matrix).properties(title=matrix.run) for matrix in matrices]
    chart = alt.concat(*charts, columns=3, spacing=36)
    alt_text = " ".join(matrix.alt for matrix in matrices)
    return Drawing("confusion", themed(chart, fluid=False), alt_text, place="")


def draw_matrix(matrix: ConfusionMatrix, name: str) -> Drawing:
    """Draw the matrix of one run."""
    chart = themed(_matrix(matrix), fluid=False)
    return Drawing(name, chart, matrix.alt, "matrices", file=False)


def _matrix(matrix: ConfusionMatrix) -> Any:
    """Draw a run; a cell's shade is its share of the row, empty cells are left out."""
    n, names = len(matrix.class_names), matrix.class_names
    rows = [
        {"run": matrix.run, "actual": names[row], "predicted": names[column], "row": int(row),
         "column": int(column), "count": int(matrix.counts[row, column]),
         "share": float(matrix.shares[row, column])}
        for row, column in zip(*np.nonzero(matrix.counts), strict=True)
    ]  # fmt: skip
    order, side = list(range(n)), max(_SIDE, 3 * n)
    # By number, because the names of two classes may differ only in letters that look the same.
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
        tooltip=_TOOLTIPS,
    )  # fmt: skip
    counted = n <= COUNTED_CLASSES
    # Without numbers, cells of a few pixels have to be visible themselves.
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
