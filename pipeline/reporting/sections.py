"""Which parts of the page a study has no data for, and the edit that adds each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.reporting.drawings import Study

EDITS = {
    "Learning curves": "train the runs anew: dvc repro; every run leaves its history",
    "Cost": "name a second run under classical or deep in params.yaml",
    "Which differences hold": "name a second run under classical or deep in params.yaml",
    "Calibration": "evaluate anew: dvc repro evaluate; runs with probabilities have it",
    "Corrupted images": "name a run under corrupt in params.yaml",
    "Depth": "name plain and residual networks of one recipe under deep in params.yaml "
    "(method: resnet, residual: false and true)",
    "Tuning": "give a run options to search under tune in params.yaml",
    "What features see": "draw the feature sets: dvc repro illustrate",
    "What networks see": "name a network under deep, and draw it: dvc repro illustrate_networks",
    "Images behind the cells of confusion matrices": "evaluate anew: dvc repro evaluate",
    "Near-duplicates": "evaluate anew: dvc repro evaluate",
    "A classical run": "name one under classical in params.yaml",
    "A network": "name one under deep in params.yaml",
}
"""Part -> the edit."""


def absent_parts(study: Study, found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (part, edit) of what this study's page lacks.

    Args:
        study: the results, laid out.
        found: what else the page is made of: ``tuned``, ``gallery``, ``seeing``, ``cells``.
    """
    best = study.results.study["families_best"]
    has = {
        "Learning curves": bool(study.curves),
        "Cost": bool(study.frontiers),
        "Which differences hold": study.pairwise is not None,
        "Calibration": study.calibration is not None,
        "Corrupted images": study.robustness is not None,
        "Depth": study.depth is not None,
        "Tuning": bool(found["tuned"]),
        "What features see": found["gallery"] is not None,
        "What networks see": found["seeing"] is not None,
        "Images behind the cells of confusion matrices": bool(found["cells"].paths),
        "Near-duplicates": "near_duplicates" in study.results.tables,
        "A classical run": "classical" in best,
        "A network": "deep" in best,
    }
    return [(part, edit) for part, edit in EDITS.items() if not has[part]]
