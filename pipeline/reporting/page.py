"""The page: one HTML file that needs no other, no script and no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.checks import StudyError
from pipeline.reporting import bars, curves, matrices, tables
from pipeline.reporting.figures import FAMILY_COLOURS, render_inline
from pipeline.reporting.formats import percent
from pipeline.reporting.verdict import verdict
from pipeline.results import Results

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Panel:
    """One drawing on the page: its SVG, and the same in words."""

    svg: Markup
    words: str


def page(results: Results, params: Mapping[str, Any], folder: Path) -> str:
    """Write the page.

    Args:
        results: what evaluation found.
        params: the study's parameters, as in params.yaml; shown as they are.
        folder: where the sample pictures lie, which become part of the page.

    Raises:
        StudyError: if a sample picture is missing.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    samples = tables.sample_tables(results)
    pictures = {path: _data_uri(folder / path) for s in samples.values() for path, _ in s.images}
    return environment.get_template("index.html").render(
        dataset=results.study["dataset"],
        verdict=verdict(results),
        accuracy=tables.accuracy_rows(results),
        bars=_bars(results),
        curves=_curves(results),
        matrices=_matrices(results),
        n_runs=len(results.tables["accuracy"]),
        n_families=len(results.study["families_best"]),
        samples=samples,
        pictures=pictures,
        runs=tables.run_facts(results),
        environment=results.study["environment"],
        not_run=results.study["not_run"],
        params=yaml.safe_dump(_plain(params), sort_keys=False, allow_unicode=True),
        colours=FAMILY_COLOURS,
        counted_classes=matrices.COUNTED_CLASSES,
        named_classes=matrices.NAMED_CLASSES,
    )


def _bars(results: Results) -> Panel:
    found = bars.accuracy_bars(results.tables["accuracy"])
    words = "; ".join(
        f"{bar.run} ({bar.family}) {percent(bar.value)}, {percent(bar.low)} to {percent(bar.high)}"
        for bar in found
    )
    return Panel(
        Markup(render_inline(lambda: bars.draw_accuracy(found), "accuracy")),
        f"Test accuracy with 95 % intervals: {words}.",
    )


def _curves(results: Results) -> list[Panel]:
    found = curves.learning_curves(results)
    drawn = []
    for index, curve in enumerate(found):
        draw = curves.panel(curve, curves.limits(found))
        drawn.append(Panel(Markup(render_inline(draw, f"curve-{index}")), curve.words))
    return drawn


def _matrices(results: Results) -> list[Panel]:
    return [
        Panel(Markup(render_inline(matrices.panel(matrix), f"confusion-{index}")), matrix.words)
        for index, matrix in enumerate(matrices.confusion_matrices(results))
    ]


def _data_uri(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"there is no {path}; make it with: dvc repro evaluate") from None
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def _plain(value: Any) -> Any:
    """Reduce parameters to what YAML writes plainly."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
