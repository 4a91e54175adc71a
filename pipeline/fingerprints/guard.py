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
from pipeline.fingerprints.modules import method_module
from pipeline.fingerprints.remembered import RememberedCode
from pipeline.fingerprints.stage_code import (
    BASES,
    STAGES,
    entry_fingerprint,
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
    if stage not in STAGES and stage not in BASES:
        return
    params, _ = read_params()
    named = entry if stage in BASES else _method(params, STAGES[stage], entry)
    path = fingerprint_file(stage, named)
    if not path.exists():
        return
    recorded, code = load_json(path, "dvc repro check"), RememberedCode(methods_used(params))
    if stage in BASES:
        now = entry_fingerprint(code, params, stage, entry)
    else:
        now = stage_fingerprint(code, stage, named)
    names = sorted({name for name, _ in recorded.items() ^ now.items()})
    if names:
        raise StudyError(
            f"{task}: found code edited since `check` last ran: {listing(names, 5)}; expected "
            "the code that DVC has recorded. Run: dvc repro check, then the same command again"
        )


def stage_digest(stage: str, method: str) -> str:
    """Return one SHA-256 of the code of a stage with one of its methods."""
    return integrity.digest(stage_fingerprint(RememberedCode({}), stage, method))


@cache
def training_digest(module: str, *methods: tuple[str, str]) -> str:
    """Return one SHA-256 of the code of a module that trains runs, with some methods.

    Args:
        module: its dotted name.
        methods: kinds, such as ``deep``, and names.
    """
    modules = [method_module(kind, method) for kind, method in methods]
    return integrity.digest(RememberedCode({}).fingerprint([module, *modules]))


def _method(params: Mapping[str, Any], kind: str | None, entry: str) -> str | None:
    """Return the method of an entry; None if there is none, which the stage itself reports."""
    if kind is None:
        return None
    section = params.get(kind)
    options = section if kind == "dataset" or section is None else section.get(entry)
    return options.get(selector(kind)) if isinstance(options, Mapping) else None
