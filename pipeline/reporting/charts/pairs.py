"""Grids of pairs of runs: differences of accuracy, and agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.charts.theme import (
    DARKEST,
    HAIRLINE,
    INK,
    MUTED,
    SHADE,
    records,
    themed,
    tooltips,
)
from pipeline.reporting.formats import points
from pipeline.reporting.pairs import PairwiseGrid

LABELLED = 18
"""Up to so many runs, cells carry numbers."""
_PICKED = (
    "!length(picked) || indexof(picked, datum.run_a) >= 0 || indexof(picked, datum.run_b) >= 0"
)
_PAIR = (("run_a", "column"), ("run_b", "row"))


def draw_pairwise(grid: PairwiseGrid) -> Drawing:
    """Draw a cell a pair: by how many points the column is ahead of the row.

    The shade is the size of a difference that holds; others are empty and marked ≈.
    """
    rows = grid.table.assign(
        size=grid.table["difference"].abs(),
        label=[
            points(difference) if holds else f"≈{points(difference)}"
            for difference, holds in zip(grid.table["difference"], grid.table["holds"], strict=True)
        ],
    )
    told = tooltips(*_PAIR, ("difference", "column less row", "+.1%"), ("ci_low", "from", "+.1%"),
                    ("ci_high", "to", "+.1%"), ("p_holm", "p, corrected", ".2~g"),
                    ("holds", "holds"))  # fmt: skip
    base = _base(rows, grid.runs, told)
    scale = alt.Scale(domain=[0, round(float(rows["size"].max()), 4) or 1.0], range=[0.1, DARKEST])
    holds = base.transform_filter("datum.holds").mark_rect(fill=SHADE)
    open_ = base.transform_filter("!datum.holds").mark_rect(fill="transparent", stroke=HAIRLINE)
    layers = [holds.encode(opacity=alt.Opacity("size:Q", scale=scale, legend=None)), open_]
    if len(grid.runs) <= LABELLED:
        colour = alt.condition("datum.holds", alt.value(INK), alt.value(MUTED))
        layers.append(base.mark_text(fontSize=11).encode(text="label:N", color=colour))
    return Drawing("pairwise", _sized(alt.layer(*layers), grid.runs), grid.words)


def draw_agreement(table: pd.DataFrame, runs: Sequence[str]) -> Drawing:
    """Draw a cell a pair: the share of test images of which both name the same class."""
    rows = table.assign(label=[f"{share * 100:.0f}" for share in table["agreement"]])
    told = tooltips(*_PAIR, ("agreement", "same class", ".1%"), ("kappa", "Cohen’s kappa", ".2f"),
                    ("both_right", "both right", ".1%"), ("oracle", "at least one right", ".1%"),
                    ("error_overlap", "errors in common", ".1%"))  # fmt: skip
    base = _base(rows, runs, told)
    low, high = (round(float(each), 4) for each in rows["agreement"].agg(["min", "max"]))
    scale = alt.Scale(domain=[low, high if high > low else low + 1], range=[0.06, DARKEST])
    opacity = alt.Opacity("agreement:Q", scale=scale, legend=None)
    layers = [base.mark_rect(fill=SHADE).encode(opacity=opacity)]
    if len(runs) <= LABELLED:
        layers.append(base.mark_text(fontSize=11, color=INK).encode(text="label:N"))
    words = f"Agreement of pairs of runs, from {low:.0%} to {high:.0%}; agreement.csv has all."
    return Drawing("agreement", _sized(alt.layer(*layers), runs), words)


def _base(rows: pd.DataFrame, runs: Sequence[str], told: list[alt.Tooltip]) -> alt.Chart:
    names = list(runs)
    axis: dict[str, Any] = {"title": None, "labelLimit": 150}
    return (
        alt.Chart(records(rows))
        .transform_filter(_PICKED)
        .encode(
            x=alt.X("run_a:N", axis=alt.Axis(labelAngle=-45, orient="bottom", **axis),
                    scale=alt.Scale(domain=names[:-1])),
            y=alt.Y("run_b:N", axis=alt.Axis(**axis), scale=alt.Scale(domain=names[1:])),
            tooltip=told,
        )
    )  # fmt: skip


def _sized(chart: Any, runs: Sequence[str]) -> alt.TopLevelMixin:
    wide, high = (40, 29) if len(runs) <= LABELLED else (16, 16)  # a row has room for its name
    rows = len(runs) - 1
    return themed(chart.properties(width=wide * rows, height=high * rows), fluid=False)
