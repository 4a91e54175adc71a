"""What the finished study says to its owner: which run to use, and what to know before."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pipeline.analyses.tables import load_results
from pipeline.checks import escaped
from pipeline.config.entries import PARAMS
from pipeline.config.yaml_files import read_yaml
from pipeline.page.sections import sections
from pipeline.page.study import StudyResults
from pipeline.page.verdict import verdict
from pipeline.storage.paths import STUDY

_WIDTH = 100


def recommend(folder: Path) -> str:
    """Return the verdict on a finished study, and the run to use, for the terminal.

    The run is the fastest of those that are shown to be within the study's margin of the best
    (`pipeline.analyses.decision`).

    Args:
        folder: the study's folder.
    """
    study = StudyResults(
        load_results(folder / STUDY), params=read_yaml(folder / PARAMS), folder=folder / STUDY
    )
    found = verdict(study, sections(study))
    run = study.record["decision"]["cheapest_by_predict_ms_per_image"]
    row = study.tables["accuracy"].set_index("run").loc[run]
    lines = [
        found.headline,
        *(f"Caution: {each}" for each in found.cautions),
        *found.brief,
        f"Recommended run: {run}, test accuracy {row['test_accuracy']:.1%} (95% interval "
        f"{row['test_ci_low']:.1%} to {row['test_ci_high']:.1%}). Use it: make predict RUN={run} "
        f"STUDY={folder.name} IMAGES=...",
    ]
    return "\n".join(["", *(_wrapped(escaped(line)) for line in lines)])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ")
