"""The look of all figures, and their way to SVG and PNG.

Every figure is drawn by a function that takes numbers made elsewhere. The same results give the
same bytes: no date, and ids that depend on the contents alone. Text stays text, so that it can be
selected, searched and read aloud.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any colour vision tell apart, and which all stand out
# by 3:1 or more from white as well as from the page's dark background.
FAMILY_COLOURS = {"classical": "#0072b2", "hybrid": "#009e73", "deep": "#d55e00"}
FAMILY_MARKERS = {"classical": "o", "hybrid": "D", "deep": "s"}

INK, MUTED, HAIRLINE, PAPER = "#1a1c1f", "#5c6066", "#d9dbde", "#ffffff"
SHADE = FAMILY_COLOURS["classical"]
"""Of confusion matrices; always transparent, so that it darkens either background."""
_THEME = {INK: "var(--ink)", MUTED: "var(--muted)", HAIRLINE: "var(--hairline)"}

_FALLBACKS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC",
              "Microsoft YaHei", "Arial Unicode MS", "Noto Sans Devanagari")  # fmt: skip
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


@dataclass(frozen=True)
class Rendered:
    """One figure as files: SVG text and PNG bytes."""

    svg: str
    png: bytes


def render(draw: Callable[[], Figure], name: str) -> Rendered:
    """Draw a figure in the common style, and write it as SVG and PNG (200 dots an inch).

    Args:
        draw: makes the figure; called inside the style.
        name: salts the ids in the SVG.
    """
    with _style(name):
        figure = draw()
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
        return Rendered(_svg(figure), png.getvalue())


def render_inline(draw: Callable[[], Figure], name: str) -> str:
    """Draw a figure in the common style, as SVG to stand inside the page, in its colours."""
    with _style(name):
        return _inline(_svg(draw()))


ROWS_WIDTH = 4.1
"""Inches: about what a telephone shows at a readable size."""


def percent_rows(count: int, margin: float, label: str) -> tuple[Figure, matplotlib.axes.Axes]:
    """Make a figure of `count` rows from the top, over one axis of 0 to 100 %.

    Args:
        count: rows; row i is at i.
        margin: left and right of the axis, as a part of the width.
        label: of the axis.
    """
    row, bottom = 0.44, 0.42
    height = bottom + row * count + 0.05
    figure = Figure(figsize=(ROWS_WIDTH, height))
    axes = figure.add_axes((margin, bottom / height, 1 - 2 * margin, row * count / height))
    axes.set_xlim(0, 1)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    axes.set_xlabel(label)
    plain_axes(axes)
    return figure, axes


def plain_axes(axes: matplotlib.axes.Axes) -> None:
    """Leave of an axes' frame only what carries numbers."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(HAIRLINE)
    axes.tick_params(length=0, colors=MUTED)


@contextmanager
def _style(name: str) -> Iterator[None]:
    """Set the common style; say nothing of glyphs that no installed font has (SVG keeps them)."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"classical-versus-deep {name}",
        "font.family": [font for font in _FALLBACKS if font in installed] or ["sans-serif"],
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,  # a dollar sign in a name is no formula
        "axes.labelcolor": MUTED,
        "axes.facecolor": "none",
        "figure.facecolor": PAPER,
    }
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s).*Glyph.*missing")
        yield


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _inline(svg: str) -> str:
    """Make an SVG file fit to stand in a page: its colours and font, no id that is not used.

    Several figures share one page, where ids must be unique: those that nothing refers to are
    dropped, the others carry the figure's salt.
    """
    for prefix, address in (("", _SVG), ("xlink", _XLINK)):
        ET.register_namespace(prefix, address)
    root = ET.fromstring(svg)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w-]+)", svg))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)
        if "style" in element.attrib:
            element.set("style", _themed(element.attrib["style"]))
    _drop_background(root)
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.set("aria-hidden", "true")
    return ET.tostring(root, encoding="unicode")


def _themed(style: str) -> str:
    for colour, variable in _THEME.items():
        style = style.replace(colour, variable)
    # The page's font; sizes and weights stay. `font: 9px 'DejaVu Sans', ...; text-anchor: end`
    return re.sub(r"(font: [^;]*?px) [^;]*", r"\1 var(--sans)", style)


def _drop_background(root: ET.Element) -> None:
    for parent in root.iter():
        for child in list(parent):
            if f"fill: {PAPER}" in child.get("style", ""):
                parent.remove(child)
