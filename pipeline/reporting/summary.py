"""``summary.md``: the study on one screen, as GitHub shows it."""

from __future__ import annotations

import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.reporting import depth, duplicates, tables
from pipeline.reporting.charts.curves import KINDS
from pipeline.reporting.drawings import Study
from pipeline.reporting.formats import percent, points
from pipeline.reporting.gaps import RULE, gap_sentences
from pipeline.reporting.images_read import images_read
from pipeline.reporting.majority import is_independent, majority
from pipeline.reporting.page import TEMPLATES
from pipeline.reporting.run_facts import run_facts, shared_options
from pipeline.reporting.tuned import tuned_runs
from pipeline.reporting.verdict import verdict
from pipeline.storage.results import Results


def summary(results: Results) -> str:
    """Write the verdict, the accuracy table, gaps, tuning, and what was run on what."""
    return _render("summary.md", results)


def headline(results: Results) -> str:
    """Write the verdict, a short accuracy table and the machine, to stand in a README."""
    return _render("headline.md", results)


def _render(template: str, results: Results) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # Markdown has an escape of its own
        finalize=_escape_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "points": points}
    study = Study(results)
    results = study.results
    accuracy = tables.accuracy_rows(results)
    return environment.get_template(template).render(
        dataset=results.study["dataset"],
        verdict=verdict(results),
        accuracy=accuracy,
        seeded=any(row.over_seeds for row in accuracy),
        gap_rule=RULE,
        gap_sentences=gap_sentences(results),
        tuned=tuned_runs(results),
        depth=study.depth,
        kinds=[kind for kind in KINDS if any(curve.x_kind == kind for curve in study.curves)],
        pairwise=study.pairwise,
        calibration=study.calibration,
        robustness=study.robustness,
        duplicates=duplicates.near_duplicates(results),
        conflicts=duplicates.conflicts(results),
        majority=majority(results),
        independent=is_independent(results),
        depth_rule=depth.RULE,
        runs=run_facts(results),
        shared_options=shared_options(results),
        environment=results.study["environment"],
        not_run=results.study["not_run"],
        images_read=images_read(results),
    )


def _escape_markdown(value: object) -> str:
    """Keep names from being read as markup: every value that a template prints passes through."""
    text = re.sub(r"[ \t\r\n]+", " ", str(value))
    # Only where they would start a tag or an entity: "p < 0.001" should read well as plain text.
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", re.sub(r"&(?=[A-Za-z#])", "&amp;", text))
    # Inside a word, as in hog_svm, an underscore marks nothing up.
    return re.sub(r"([\\`*\[\]|~$#>]|(?<!\w)_|_(?!\w))", r"\\\1", text)
