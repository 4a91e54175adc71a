"""Guards against edits of code: in a running study, and in an interrupted training.

A stage only runs the code that DVC has recorded, and a training only resumes with the code that it
began with. Outputs do not depend on this module: it stops a stage, or restarts a training.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pipeline.checks import StudyError, listing
from pipeline.config.entries import read_params
from pipeline.config.registry import selector
from pipeline.fingerprints.modules import Code, method_module
from pipeline.fingerprints.stage_code import (
    STAGES,
    fingerprint_file,
    methods_used,
    stage_fingerprint,
)
from pipeline.storage import integrity
from pipeline.storage.files import load_json

AFFECTS_OUTPUTS = False


def check_recorded(task: str) -> None:
    """Raise `StudyError` if the code of a stage was edited since `check` ran.

    DVC would record the outputs as results of the code in the fingerprint, and restore them from
    its cache for anybody who returns to that code. Without a fingerprint there is nothing to
    compare, because then DVC does not run the stage.

    Args:
        task: the stage, with its entry if it has one: ``train_deep lenet5``.
    """
    stage, _, entry = task.partition(" ")
    if stage not in STAGES:
        return
    params, _ = read_params()
    method = _method(params, STAGES[stage], entry)
    path = fingerprint_file(stage, method)
    if not path.exists():
        return
    recorded = load_json(path, "dvc repro check")
    now = stage_fingerprint(Code(methods_used(params)), stage, method)
    names = sorted({name for name, _ in recorded.items() ^ now.items()})
    if names:
        raise StudyError(
            f"{task}: found code edited since `check` last ran: {listing(names, 5)}; expected "
            "the code that DVC has recorded. Run: dvc repro check, then the same command again"
        )


def stage_digest(stage: str, method: str) -> str:
    """Return one SHA-256 of the code of a stage with one of its methods."""
    return integrity.digest(stage_fingerprint(Code({}), stage, method))


@cache
def training_digest(module: str, kind: str, method: str) -> str:
    """Return one SHA-256 of the code of a module that trains runs, with one of their methods.

    Args:
        module: its dotted name.
        kind: of the method: ``classical`` or ``deep``.
        method: its name.
    """
    return integrity.digest(Code({}).fingerprint([module, method_module(kind, method)]))


def _method(params: Mapping[str, Any], kind: str | None, entry: str) -> str | None:
    """Return the method of an entry; None if there is none, which the stage itself reports."""
    if kind is None:
        return None
    section = params.get(kind)
    options = section if kind == "dataset" or section is None else section.get(entry)
    return options.get(selector(kind)) if isinstance(options, Mapping) else None
