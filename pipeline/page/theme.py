"""The look of all charts: one palette and one configuration, in the colors of the page.

Colors that differ between light and dark are CSS variables, which SVG inside the page resolves;
`LIGHT` holds their values for files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

# Okabe and Ito's colors, which people with any color vision can tell apart. Each has a contrast of
# 3:1 or more against white and against the page's dark background.
FAMILY_COLORS = {"classical": "#0072b2", "hybrid": "#009e73", "deep": "#d55e00"}
FAMILY_SHAPES = {"classical": "circle", "hybrid": "diamond", "deep": "square"}
INK, MUTED, HAIRLINE, PAPER, SHADE = (
    f"var(--{name})" for name in ("ink", "muted", "hairline", "paper", "shade")
)
TONES = {
    family: (color, f"var(--{family}-2)", f"var(--{family}-3)")
    for family, color in FAMILY_COLORS.items()
}
"""Three colors of each family, for lines that cross: its own, and two that are farther from the
page's background, which only a different one per theme can be."""
LIGHT = {
    INK: "#1a1c1f",
    MUTED: "#5c6066",
    HAIRLINE: "#d9dbde",
    PAPER: "#ffffff",
    SHADE: "#8559a5",
    "var(--classical-2)": "#004b76",
    "var(--classical-3)": "#00253a",
    "var(--hybrid-2)": "#00664a",
    "var(--hybrid-3)": "#003324",
    "var(--deep-2)": "#8a3d00",
    "var(--deep-3)": "#471f00",
}
"""The values of the variables in SVG and PNG files, which are light."""
DARKEST = 0.6
"""Opacity of the darkest cell of a heat map: ink stays readable on it, in both themes."""
PICKED = "picked"
"""The parameter of every chart with the runs that a reader has selected; none means all."""
IS_PICKED = f"!length({PICKED}) || indexof({PICKED}, datum.run) >= 0"
WIDTH = 680
"""Pixels of a chart as wide as the text; the page fits it to the width of the window."""
ROW = 26
"""Pixels of a run in a chart with a row for each."""
PERCENT_LABELS = "format(datum.value * 100, '.0f') + '%'"

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "aria": False,  # the place of a chart carries its text alternative
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "grid": False,
        "gridColor": HAIRLINE,
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 6,
        "titlePadding": 8,
        "labelLimit": 190,
    },
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 13,
        "fontWeight": 600,
        "offset": 8,
        "limit": 300,
    },
    "header": {"labelColor": INK, "labelFontSize": 12, "labelLimit": 240, "titleColor": MUTED},
    "line": {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"},
    "point": {"filled": True, "size": 70, "opacity": 1},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": MUTED},
}


def themed(chart: alt.TopLevelMixin, fluid: bool = True) -> alt.TopLevelMixin:
    """Give a chart the common look, and the parameter `PICKED`.

    Args:
        chart: one view, or layers.
        fluid: whether the page may set its width.
    """
    config = dict(_CONFIG)
    if fluid:
        config["autosize"] = {"type": "fit-x", "contains": "padding"}
    picked = alt.param(name=PICKED, value=[])
    return chart.add_params(picked).configure(**config)  # type: ignore[attr-defined]


class _Rows(alt.InlineData):
    """Data that never changes: all charts share it, which Altair would copy at each step."""

    def __deepcopy__(self, memo: Any) -> _Rows:
        return self


def records(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Make a chart's data, with numbers rounded to six digits to keep the page small."""
    listed = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    return _Rows(values=[{str(k): _plain(v) for k, v in row.items()} for row in listed])


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def family_color() -> alt.Color:
    """Color by family; every chart that uses it encodes the family in another way as well."""
    return alt.Color("family:N", legend=None, scale=_scale(FAMILY_COLORS))


def tone_color() -> alt.Color:
    """Color by `tone`, ``deep-0`` to ``deep-2``: an index into the family's `TONES`."""
    tones = {f"{family}-{i}": tone for family, each in TONES.items() for i, tone in enumerate(each)}
    return alt.Color("tone:N", legend=None, scale=_scale(tones))


def family_shape() -> alt.Shape:
    """Shape by family, as in the tables of the page."""
    return alt.Shape("family:N", legend=None, scale=_scale(FAMILY_SHAPES))


def _scale(values: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(values), range=list(values.values()))


def faded(rest: float = 0.12) -> Any:
    """Fade what was not selected."""
    return alt.condition(IS_PICKED, alt.value(1), alt.value(rest))


def percent_axis(title: str | None, **options: Any) -> alt.Axis:
    """Write shares as ``80%``, with hairlines."""
    given = {"grid": True, "tickCount": 5} | options
    return alt.Axis(title=title, labelExpr=PERCENT_LABELS, **given)


def tooltips(*fields: tuple[str, str] | tuple[str, str, str]) -> list[alt.Tooltip]:
    """Make tooltips: (field, title) for names, (field, title, format) for numbers."""
    return [
        alt.Tooltip(f"{each[0]}:Q", title=each[1], format=each[2])
        if len(each) == 3
        else alt.Tooltip(f"{each[0]}:N", title=each[1])
        for each in fields
    ]
