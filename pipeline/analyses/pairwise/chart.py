"""Grids of pairs of runs: differences of accuracy, and agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from pipeline.analyses.pairwise.view import Pairwise, PairwiseGrid
from pipeline.page.formats import points
from pipeline.page.rendering import Drawing
from pipeline.page.theme import (
    DARKEST,
    HAIRLINE,
    INK,
    MUTED,
    SHADE,
    records,
    themed,
    tooltips,
)

LABELED = 18
"""Up to so many runs, cells carry numbers."""
_PICKED = (
    "!length(picked) || indexof(picked, datum.run_a) >= 0 || indexof(picked, datum.run_b) >= 0"
)
_PAIR = (("run_a", "column"), ("run_b", "row"))


def draw(view: Pairwise) -> list[Drawing]:
    """Draw the differences and, where the study has it, the agreement."""
    drawings = [draw_pairwise(view.grid)]
    if not view.agreement.empty:
        drawings.append(draw_agreement(view.agreement, view.grid.runs))
    return drawings


def draw_pairwise(grid: PairwiseGrid) -> Drawing:
    """Draw a cell per pair: by how many points the column is ahead of the row.

    The shade is the size of a significant difference; others are empty and marked ≈.
    """
    rows = grid.table.assign(
        size=grid.table["difference"].abs(),
        label=[
            points(difference) if holds else f"≈{points(difference)}"
            for difference, holds in zip(grid.table["difference"], grid.table["holds"], strict=True)
        ],
    )
    shown = tooltips(*_PAIR, ("difference", "column minus row", "+.1%"), ("ci_low", "from", "+.1%"),
                    ("ci_high", "to", "+.1%"), ("p_holm", "p, corrected", ".2~g"),
                    ("holds", "significant"))  # fmt: skip
    base = _base(rows, grid.runs, shown)
    scale = alt.Scale(domain=[0, round(float(rows["size"].max()), 4) or 1.0], range=[0.1, DARKEST])
    holds = base.transform_filter("datum.holds").mark_rect(fill=SHADE)
    open_ = base.transform_filter("!datum.holds").mark_rect(fill="transparent", stroke=HAIRLINE)
    layers = [holds.encode(opacity=alt.Opacity("size:Q", scale=scale, legend=None)), open_]
    if len(grid.runs) <= LABELED:
        color = alt.condition("datum.holds", alt.value(INK), alt.value(MUTED))
        layers.append(base.mark_text(fontSize=11).encode(text="label:N", color=color))
    return Drawing("pairwise", _sized(alt.layer(*layers), grid.runs), grid.alt, "pairwise")


def draw_agreement(table: pd.DataFrame, runs: Sequence[str]) -> Drawing:
    """Draw a cell per pair: the share of test images for which both predict the same class."""
    rows = table.assign(label=[f"{share * 100:.0f}" for share in table["agreement"]])
    shown = tooltips(*_PAIR, ("agreement", "same class", ".1%"), ("kappa", "Cohen’s kappa", ".2f"),
                    ("both_right", "both correct", ".1%"),
                     ("oracle", "at least one correct", ".1%"),
                    ("error_overlap", "errors in common", ".1%"))  # fmt: skip
    base = _base(rows, runs, shown)
    low, high = (round(float(each), 4) for each in rows["agreement"].agg(["min", "max"]))
    scale = alt.Scale(domain=[low, high if high > low else low + 1], range=[0.06, DARKEST])
    opacity = alt.Opacity("agreement:Q", scale=scale, legend=None)
    layers = [base.mark_rect(fill=SHADE).encode(opacity=opacity)]
    if len(runs) <= LABELED:
        layers.append(base.mark_text(fontSize=11, color=INK).encode(text="label:N"))
    alt_text = (
        f"Agreement of pairs of runs, from {low:.0%} to {high:.0%}; all pairs are in agreement.csv."
    )
    return Drawing("agreement", _sized(alt.layer(*layers), runs), alt_text, "agreement")


def _base(rows: pd.DataFrame, runs: Sequence[str], shown: list[alt.Tooltip]) -> alt.Chart:
    names = list(runs)
    axis: dict[str, Any] = {"title": None, "labelLimit": 150}
    return (
        alt.Chart(records(rows))
        .transform_filter(_PICKED)
        .encode(
            x=alt.X("run_a:N", axis=alt.Axis(labelAngle=-45, orient="bottom", **axis),
                    scale=alt.Scale(domain=names[:-1])),
            y=alt.Y("run_b:N", axis=alt.Axis(**axis), scale=alt.Scale(domain=names[1:])),
            tooltip=shown,
        )
    )  # fmt: skip


def _sized(chart: Any, runs: Sequence[str]) -> alt.TopLevelMixin:
    wide, high = (40, 29) if len(runs) <= LABELED else (16, 16)  # a row has room for its name
    rows = len(runs) - 1
    return themed(chart.properties(width=wide * rows, height=high * rows), fluid=False)
