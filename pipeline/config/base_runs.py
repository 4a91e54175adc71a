"""Runs of the roster as a base: their options with some replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.checks import StudyError, did_you_mean, listing, shown
from pipeline.config import registry

_KINDS = ("classical", "deep")
"""Sections of params.yaml whose entries are runs."""


def kind_of_run(document: Mapping[str, Any], name: object, where: str) -> str:
    """Return ``classical`` or ``deep``: the section of params.yaml that has a run.

    Args:
        document: all of params.yaml.
        name: of the run.
        where: the place that names it, for the message.

    Raises:
        StudyError: if there is no such run.
    """
    sections = {kind: document.get(kind) for kind in _KINDS}
    runs = {
        str(run): kind
        for kind, section in sections.items()
        if isinstance(section, Mapping)
        for run in section
    }
    if name not in runs:
        hint = did_you_mean(str(name), runs) or ";"
        raise StudyError(f"{where}: unknown run {shown(name)}{hint} runs: {listing(runs, 40)}")
    return runs[str(name)]


def changed_run(
    document: Mapping[str, Any], name: str, changes: Mapping[str, Any], where: str
) -> registry.MethodSpec:
    """Return the options of a run with some replaced, all checked as those of any run.

    Args:
        document: all of params.yaml.
        name: of the run.
        changes: option -> value, as in params.yaml.
        where: the place of the changes, for messages.

    Raises:
        StudyError: if there is no such run or option, or a value is invalid.
    """
    kind = kind_of_run(document, name, where)
    entry = document[kind][name]
    base = entry if isinstance(entry, Mapping) else {}
    return registry.parse(kind, {**base, **changes} if base else entry, where)
