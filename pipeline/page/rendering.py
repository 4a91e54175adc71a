"""From a chart to SVG in the page, and to files.

The same chart gives the same bytes: no date, and ids that depend on the chart's name alone. Text
stays text, so that it can be selected, searched and read aloud.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt

from pipeline.page import conversion
from pipeline.page.theme import LIGHT, PAPER

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The version of Altair's specifications, in which the page's JavaScript has to read them."""


@dataclass(eq=False)
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
    asked: Future[str] | None = None
    """What another process draws, if it was asked to."""

    def ask_for(self, ask: conversion.Submit) -> None:
        """Have another process draw the chart, which takes longer than to describe it."""
        self.asked = ask(conversion.svg, json.dumps(self.spec), VEGA_LITE)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification; a test compares it with the schema, which takes longer."""
        return self.chart.to_dict(validate=False)

    @cached_property
    def svg(self) -> str:
        """In the colors of the page, for it and for files."""
        if self.asked is not None:
            return self.asked.result()
        return conversion.svg(json.dumps(self.spec), VEGA_LITE)


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


def figure(drawing: Drawing) -> str:
    """Draw for a file of its own: an SVG file in light colors on white."""
    svg = drawing.svg
    for variable, color in LIGHT.items():
        svg = svg.replace(variable, color)
    return re.sub(r"(<svg [^>]*>)", rf"\1{_PAPER}", svg, count=1)


_PAPER = f'<rect width="100%" height="100%" fill="{LIGHT[PAPER]}"/>'


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
