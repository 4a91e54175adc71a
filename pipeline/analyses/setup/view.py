"""The experimental setup: images, runs, versions, and how to repeat the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.analyses.setup.images import ImagesRead, images_read
from pipeline.analyses.setup.runs import RunFacts, run_facts, shared_options
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Experimental setup"
ABSENT = ""


@dataclass(frozen=True)
class Setup(View):
    """All that is needed to repeat the study."""

    images: ImagesRead
    runs: tuple[RunFacts, ...]
    shared_options: tuple[tuple[str, str], ...]
    """Options with the same value for all networks."""
    provenance: Mapping[str, str]
    """The commit of the code and the SHA-256 of dvc.lock, where they are known."""
    params: str
    """``params.yaml``."""
    csv: tuple[str, ...]
    """The files of the tables."""


def view(study: StudyResults) -> Setup:
    """Describe the study by its cards and its parameters."""
    return Setup(
        images=images_read(study),
        runs=tuple(run_facts(study)),
        shared_options=shared_options(study),
        provenance=study.record.get("provenance", {}),
        params=study.params_text,
        csv=tuple(f"{name}.csv" for name in study.tables),
    )
