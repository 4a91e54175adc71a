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
    """Return the verdict on a finished study, for the terminal.

    Args:
        folder: the study's folder.
    """
    study = StudyResults(
        load_results(folder / STUDY), params=read_yaml(folder / PARAMS), folder=folder / STUDY
    )
    found = verdict(study, sections(study))
    lines = [found.headline, *(f"Caution: {each}" for each in found.cautions)]
    return "\n".join(["", *(_wrapped(escaped(line)) for line in lines)])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ")
