"""From a chart to SVG in the page, and to files.

The same chart gives the same bytes: no date, and ids that depend on the chart's name alone. Text
stays text, so that it can be selected, searched and read aloud.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
import vl_convert
from PIL import Image

from pipeline.page.theme import LIGHT, PAPER

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The version of Altair's specifications, in which the page's JavaScript has to read them."""
PNG_SCALE = 2
MOST_DOTS = 4_000_000
"""Larger figures, such as the confusion matrices of many runs, have one dot per pixel."""


@dataclass(frozen=True)
class Drawing:
    """A chart with its name and its alt text."""

    name: str
    """Of its files, and of its ids on the page."""
    chart: alt.TopLevelMixin
    alt: str
    """The same in words, for those who do not see it."""
    place: str = "main"
    """Where the template of its section shows it; empty where it is a file alone."""
    file: bool = True
    """Whether it becomes ``figures/<name>.svg`` and ``.png``."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification."""
        return self.chart.to_dict()

    @cached_property
    def svg(self) -> str:
        """In the colors of the page, for it and for files."""
        return vl_convert.vegalite_to_svg(self.spec, vl_version=VEGA_LITE)


@dataclass(frozen=True)
class Files:
    """One figure as files: SVG text and PNG bytes."""

    svg: str
    png: bytes


@dataclass(frozen=True)
class Placed:
    """One drawing as the page holds it."""

    name: str
    alt: str
    svg: str
    """In the page from the start, in its colors."""
    spec: str
    """JSON for a script element, from which the live chart is made."""


def placed(drawing: Drawing) -> Placed:
    """Draw for the page."""
    svg, spec = _inline(drawing.svg, drawing.name), json_script(drawing.spec)
    return Placed(drawing.name, drawing.alt, svg, spec)


def files(drawing: Drawing) -> Files:
    """Draw for files, in light colors on white, the PNG with up to `PNG_SCALE` dots per pixel."""
    svg = drawing.svg
    for variable, color in LIGHT.items():
        svg = svg.replace(variable, color)
    svg = re.sub(r"(<svg [^>]*>)", rf"\1{_PAPER}", svg, count=1)
    width, height = (float(size) for size in _SIZE.findall(svg)[:2])
    scale = PNG_SCALE if width * height * PNG_SCALE**2 <= MOST_DOTS else 1
    png = vl_convert.svg_to_png(svg, scale=scale)
    return Files(svg, with_palette(png))


def with_palette(png: bytes) -> bytes:
    """Encode a chart in 256 colors, which takes a seventh of the bytes and looks the same."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    content = io.BytesIO()
    few.save(content, format="PNG")  # `optimize` takes as long again, for a tenth of the bytes
    return content.getvalue()


_SIZE = re.compile(r'(?:width|height)="([\d.]+)"')
_PAPER = f'<rect width="100%" height="100%" fill="{LIGHT[PAPER]}"/>'


def javascript() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which sets `vegaEmbed`.

    It takes seconds to make, and is made once per process.
    """
    script = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
    return script.replace("</script", "<\\/script")


def json_script(value: Any) -> str:
    """Write JSON from which no name can break out of a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _inline(svg: str, salt: str) -> str:
    """Prepare an SVG file for the page: hidden from screen readers, with ids of its own."""
    svg = re.sub(r' (?:role|aria-roledescription|aria-hidden|class)="[^"]*"', "", svg)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"| version="1.1"', "", svg)
    for name in sorted(set(re.findall(r' id="([^"]+)"', svg))):
        svg = svg.replace(f'id="{name}"', f'id="{salt}-{name}"')
        svg = svg.replace(f"url(#{name})", f"url(#{salt}-{name})")
        svg = svg.replace(f'href="#{name}"', f'href="#{salt}-{name}"')
    return svg.replace("<svg", '<svg aria-hidden="true"', 1)
