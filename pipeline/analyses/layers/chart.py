"""Networks as boxes from top to bottom, as Keras's `plot_model` draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import altair as alt

from pipeline.analyses.layers.boxes import IMAGE, Box, Boxes
from pipeline.analyses.layers.layout import Layout, layout
from pipeline.analyses.layers.view import LayeredNetwork, Layers
from pipeline.page.rendering import Drawing
from pipeline.page.theme import HAIRLINE, INK, MUTED, PAPER, SHADE, records, themed, tooltips

LINE, HEIGHT, GAP = 14, 50, 24
"""Pixels of a line of text, of a box, and between two rows."""
_BOLD, _LETTER = 6.9, 6.1
"""Pixels of a letter, on average and generously."""
_NARROWEST, _WIDEST, _LETTERS = 110, 270, 38
"""Pixels of a box; letters of a line, beyond which it is cut."""
_MARGIN = 14
"""Around the drawing, for the frames of repeated blocks and their numbers."""
_TOOLTIPS = tooltips(("layers", "layers"), ("output", "output"))
_Row = dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """A network with its places."""

    network: LayeredNetwork
    rows: dict[int, int]
    places: Layout
    widths: dict[int, float]

    def middle(self, number: int) -> float:
        """Return the horizontal center of a box."""
        return self.places.centers[number] + _MARGIN

    def top(self, row: int) -> float:
        """Return the upper end of a row."""
        return _MARGIN + row * (HEIGHT + GAP)

    @property
    def width(self) -> int:
        """Pixels of the drawing, with room for the numbers of repeated blocks."""
        return round(self.places.width + 2 * _MARGIN + 30)

    @property
    def height(self) -> int:
        """Pixels of the drawing."""
        return round(self.top(max(self.rows.values())) + HEIGHT + _MARGIN)

    def at(self, x: str = "x", y: str = "y") -> dict[str, Any]:
        """Return the encoding of places in pixels by columns of the data."""
        across = alt.Scale(domain=[0, self.width], nice=False)
        down = alt.Scale(domain=[self.height, 0], nice=False)
        return {
            "x": alt.X(f"{x}:Q", axis=None, scale=across),
            "y": alt.Y(f"{y}:Q", axis=None, scale=down),
        }


def draw(view: Layers) -> list[Drawing]:
    """Draw each network."""
    return [
        Drawing(network.drawing, themed(_chart(placed(network)), fluid=False), network.alt)
        for network in view.networks
    ]


def placed(network: LayeredNetwork) -> Drawn:
    """Place the boxes of a network."""
    found: Boxes = network.boxes
    rows = found.rows
    widths = {box.number: _width(box) for box in found.boxes} | {IMAGE: float(_NARROWEST)}
    edges = [(each, box.number) for box in found.boxes for each in dict.fromkeys(box.inputs)]
    return Drawn(network, rows, layout(rows, edges, widths, GAP, passing=8), widths)


def _width(box: Box) -> float:
    title, *others = _texts(box)
    longest = max(_BOLD * len(title), *(_LETTER * len(text) for text in others))
    return min(max(longest + 16, _NARROWEST), _WIDEST)


def _texts(box: Box) -> tuple[str, str, str]:
    """Return the lines of a box, cut where they are too long."""
    first, second, third = (
        text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
        for text in (box.title, box.detail, box.output)
    )
    return first, second, third


def _chart(drawn: Drawn) -> Any:
    boxes = alt.Chart(records(_boxes(drawn))).encode(tooltip=_TOOLTIPS)
    corners = drawn.at() | {"x2": "x2:Q", "y2": "y2:Q"}
    fill = alt.Fill("fill:N", scale=None, legend=None)
    opacity = alt.FillOpacity("opacity:Q", scale=None, legend=None)
    layers: list[Any] = [
        *_frames(drawn),
        *_edges(drawn),
        boxes.mark_rect(fill=PAPER, cornerRadius=5).encode(**corners),
        boxes.mark_rect(stroke=MUTED, strokeWidth=1, cornerRadius=5).encode(
            **corners, fill=fill, fillOpacity=opacity
        ),
        *(
            boxes.mark_text(fontSize=11, color=color, fontWeight=weight, dy=offset).encode(
                **drawn.at("middle"), text=f"{name}:N"
            )
            for name, offset, color, weight in _LINES
        ),
    ]
    return alt.layer(*layers).properties(width=drawn.width, height=drawn.height)


_LINES: tuple[tuple[str, int, str, Any], ...] = (
    ("title", 13, INK, 600),
    ("detail", 13 + LINE, MUTED, 400),
    ("output", 13 + 2 * LINE - 2, INK, 400),
)
"""Column of the texts, pixels below the upper end of the box, color and weight of the letters."""


def _boxes(drawn: Drawn) -> Iterator[_Row]:
    """Yield what is written in each box; those with parameters are shaded."""
    yield _row(drawn, IMAGE, ("image", "", drawn.network.image.removeprefix("image").strip()), [])
    for box in drawn.network.boxes.boxes:
        names = [f"{each.name} ({each.kind})" for each in box.layers]
        shaded = any(each.multiply_adds != 0 for each in box.layers)
        look = {"fill": SHADE if shaded else HAIRLINE, "opacity": 0.25 if shaded else 0.4}
        yield _row(drawn, box.number, _texts(box), names) | look


def _row(drawn: Drawn, number: int, texts: tuple[str, str, str], names: list[str]) -> _Row:
    x, y, half = drawn.middle(number), drawn.top(drawn.rows[number]), drawn.widths[number] / 2
    title, detail, output = texts
    return {
        **{"x": x - half, "x2": x + half, "middle": x, "y": y, "y2": y + HEIGHT, "title": title},
        **{"detail": detail, "output": output, "layers": ", ".join(names[:12])},
        **{"fill": PAPER, "opacity": 1.0},
    }


def _edges(drawn: Drawn) -> list[Any]:
    """Draw what each box reads, around the boxes in between."""
    points, ends = [], []
    for edge, bends in drawn.places.bends.items():
        start, end = edge
        path = [(drawn.middle(start), drawn.top(drawn.rows[start]) + HEIGHT)]
        for row, x in bends:
            path += [(x + _MARGIN, drawn.top(row)), (x + _MARGIN, drawn.top(row) + HEIGHT)]
        path.append((drawn.middle(end), drawn.top(drawn.rows[end]) - 4))
        points += [
            {"edge": f"{start} {end}", "step": step, "x": x, "y": y}
            for step, (x, y) in enumerate(path)
        ]
        ends.append({"x": path[-1][0], "y": path[-1][1]})
    return [
        alt.Chart(records(points))
        .mark_line(color=MUTED, strokeWidth=1.2)
        .encode(**drawn.at(), detail="edge:N", order="step:Q"),
        alt.Chart(records(ends))
        .mark_point(shape="triangle-down", color=MUTED, size=40, filled=True)
        .encode(**drawn.at()),
    ]


def _frames(drawn: Drawn) -> list[Any]:
    """Draw a dashed frame around each block that stands for several, with their number."""
    rows = []
    for frame in drawn.network.boxes.frames:
        inside = set(frame.boxes)
        sides = [
            (drawn.middle(n) - drawn.widths[n] / 2, drawn.middle(n) + drawn.widths[n] / 2)
            for n in frame.boxes
        ]
        passing = [
            x + _MARGIN
            for (_, end), bends in drawn.places.bends.items()
            if end in inside
            for _, x in bends
        ]
        tops = [drawn.top(drawn.rows[n]) for n in frame.boxes]
        left = min([low for low, _ in sides] + passing) - 9
        right = max([high for _, high in sides] + passing) + 9
        rows.append(
            {"x": left, "x2": right, "y": min(tops) - 9, "y2": max(tops) + HEIGHT + 9,
             "times": f"× {frame.times}"}
        )  # fmt: skip
    if not rows:
        return []
    base = alt.Chart(records(rows))
    return [
        base.mark_rect(fillOpacity=0, stroke=MUTED, strokeDash=[4, 3], cornerRadius=8).encode(
            **drawn.at(), x2="x2:Q", y2="y2:Q"
        ),
        base.mark_text(align="left", dx=4, dy=8, fontSize=12, fontWeight=600, color=INK).encode(
            **drawn.at("x2"), text="times:N"
        ),
    ]
