"""The page: one HTML file that needs no other, no script and no network."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.checks import StudyError
from pipeline.reporting import (
    bars,
    curves,
    depth,
    depth_figure,
    galleries,
    gaps,
    matrices,
    tables,
)
from pipeline.reporting.figures import FAMILY_COLOURS, render_inline
from pipeline.reporting.formats import percent, points
from pipeline.reporting.pretraining import pretrained_runs
from pipeline.reporting.run_facts import run_facts, shared_options
from pipeline.reporting.tuned import tuned_runs
from pipeline.reporting.verdict import verdict
from pipeline.results import Results

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Panel:
    """One drawing on the page: its SVG, and the same in words."""

    svg: Markup
    words: str


def page(
    results: Results,
    params: Mapping[str, Any],
    folder: Path,
    feature_pictures: pd.DataFrame | None = None,
) -> str:
    """Write the page. What a study does not have, such as tuned runs, has no section.

    Args:
        results: what evaluation found.
        params: the study's parameters, as in params.yaml; shown as they are.
        folder: where the pictures lie, which become part of the page.
        feature_pictures: ``features.csv``; None where no feature set was drawn.

    Raises:
        StudyError: if a picture is missing.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "breakable": breakable}
    return environment.get_template("index.html").render(
        **_pictured(results, folder, feature_pictures),
        dataset=results.study["dataset"],
        verdict=verdict(results),
        accuracy=tables.accuracy_rows(results),
        bars=_bars(results),
        gaps=gaps.gaps(results),
        gap_figure=_gaps(results),
        gap_rule=gaps.RULE,
        gap_sentences=gaps.gap_sentences(results),
        tuned=tuned_runs(results),
        curves=_curves(results),
        **_depth(results),
        matrices=_matrices(results),
        n_runs=len(results.tables["accuracy"]),
        n_families=len(results.study["families_best"]),
        runs=run_facts(results),
        shared_options=shared_options(results),
        has_pretrained=bool(pretrained_runs(results)),
        environment=results.study["environment"],
        not_run=results.study["not_run"],
        params=yaml.safe_dump(_plain(params), sort_keys=False, allow_unicode=True),
        colours=FAMILY_COLOURS,
        counted_classes=matrices.COUNTED_CLASSES,
        named_classes=matrices.NAMED_CLASSES,
    )


def _pictured(
    results: Results, folder: Path, feature_pictures: pd.DataFrame | None
) -> dict[str, Any]:
    """Collect what has pictures, and the pictures: path -> data URI."""
    samples = tables.sample_tables(results)
    sure = galleries.sure_runs(results)
    gallery = None if feature_pictures is None else galleries.feature_gallery(feature_pictures)
    tested = {path for table in samples.values() for path, _ in table.images}
    tested |= {each.image for run in sure for _, images in run.kinds for each in images}
    pictures = {path: _data_uri(folder / path, "evaluate") for path in sorted(tested)}
    for path in gallery.paths if gallery else ():
        pictures[path] = _data_uri(folder / path, "illustrate")
    return {"samples": samples, "sure": sure, "gallery": gallery, "pictures": pictures}


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


def _gaps(results: Results) -> Panel:
    found = gaps.gaps(results)
    words = "; ".join(f"{each.run} {percent(each.train)}, {percent(each.test)}" for each in found)
    return Panel(
        Markup(render_inline(lambda: gaps.draw_gaps(found), "train_test")),
        f"Training accuracy, then test accuracy: {words}.",
    )


def _curves(results: Results) -> list[Panel]:
    found = curves.learning_curves(results)
    drawn = []
    for index, curve in enumerate(found):
        draw = curves.panel(curve, curves.limits(found))
        drawn.append(Panel(Markup(render_inline(draw, f"curve-{index}")), curve.words))
    return drawn


def _depth(results: Results) -> dict[str, Any]:
    found = depth.depth_study(results)
    panels = []
    if found is not None:
        for residual in (False, True):
            svg = render_inline(depth_figure.panel(found, residual), f"depth-{residual}")
            panels.append(Panel(Markup(svg), found.words(residual)))
    return {"depth": found, "depth_panels": panels, "depth_rule": depth.RULE}


def _matrices(results: Results) -> list[Panel]:
    return [
        Panel(Markup(render_inline(matrices.panel(matrix), f"confusion-{index}")), matrix.words)
        for index, matrix in enumerate(matrices.confusion_matrices(results))
    ]


def _data_uri(path: Path, stage: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"there is no {path}; make it with: dvc repro {stage}") from None
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def breakable(text: str) -> Markup:
    """Let a line break behind the underscores of a name, and so nowhere else in it."""
    return Markup(re.sub(r"(?<=\w_)(?=\w)", "<wbr>", str(escape(text))))


def _plain(value: Any) -> Any:
    """Reduce parameters to what YAML writes plainly."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
