"""Reading params.yaml: the whole file as YAML, or one entry as options.

Most stages read only their own entry (`load_entry`), so that they import no other method and
depend on nothing else in the file. `pipeline.config.params` models the whole file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pipeline.checks import StudyError, did_you_mean, listing, shown
from pipeline.config import registry
from pipeline.config.yaml_files import read_yaml

PARAMS = Path("params.yaml")
SECTIONS = ("features", "classical", "deep", "corrupt", "ablations")
"""The sections of params.yaml that map names to entries."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def check_name(kind: str, name: object) -> None:
    """Raise `StudyError` unless the name of an entry consists of letters, digits, - and _."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise StudyError(
            f"{kind}: found the name {shown(name)}; expected up to 60 letters, digits, - and _, "
            "because stages and files are named after entries"
        )


def stage_entry(stage: str, arguments: Sequence[str]) -> str:
    """Return the name of a stage's entry, from its argument or from ``DVC_STAGE``.

    The commands in dvc.yaml contain no names, because a shell would execute whatever a name in
    params.yaml contains. DVC passes the stage, ``featurize@hog``, in the environment instead.

    Args:
        stage: the stage's name in dvc.yaml.
        arguments: those of the command line: the entry's name if the stage is run by hand.

    Raises:
        StudyError: if neither names an entry, or the name is not a valid one.
    """
    if arguments:
        name = arguments[0]
    else:
        # When run from another folder, DVC puts the path of dvc.yaml and a colon in front.
        found = re.fullmatch(
            rf"(?:.*:)?{re.escape(stage)}@(.*)", os.environ.get("DVC_STAGE", ""), re.DOTALL
        )
        if not found:
            raise StudyError(
                f"found no name; expected one, for example: dvc repro {stage}@<name>, "
                f"or: python -m stages.{stage} <name>"
            )
        name = found[1]
    check_name(stage, name)
    return name


def load_entry(kind: str, name: str | None = None) -> tuple[registry.MethodSpec, int]:
    """Read one entry and the study's seed; only that entry's method is imported.

    Args:
        kind: ``dataset``, ``features``, ``classical`` or ``deep``.
        name: the entry's name; None for the dataset.

    Raises:
        StudyError: if there is no such entry, or it is invalid.
    """
    document = read_yaml(PARAMS)
    section = document.get(kind)
    entry = section
    if name is not None:
        check_name(kind, name)
        known = list(section) if isinstance(section, Mapping) else []
        if name not in known:
            raise StudyError(
                f"{PARAMS}: {kind} has no {name!r}{did_you_mean(name, known) or ';'} "
                f"defined: {listing(known, 40)}"
            )
        entry = cast(Mapping, section)[name]
    where = f"{PARAMS}: {kind}" if name is None else f"{PARAMS}: {kind}.{name}"
    return registry.parse(kind, entry, where), _seed(document)


def read_params() -> tuple[dict[str, Any], int]:
    """Read all of params.yaml without importing methods, for stages that write a file per entry.

    Returns:
        The document, in which each section is a mapping whose keys are valid names ({} if it is
        missing); and the study's seed.

    Raises:
        StudyError: if a section, a name or an entry is invalid.
    """
    document = read_yaml(PARAMS)
    for kind in SECTIONS:
        section = document.setdefault(kind, {}) or {}
        if not isinstance(section, Mapping):
            raise StudyError(
                f"{PARAMS}: {kind}: found {shown(section)}; expected a mapping of names to entries"
            )
        for name, entry in section.items():
            check_name(f"{PARAMS}: {kind}", name)
            if not isinstance(entry, Mapping):
                raise StudyError(
                    f"{PARAMS}: {kind}.{name}: found {shown(entry)}; expected a mapping"
                )
        document[kind] = section
    return document, _seed(document)


def _seed(document: Mapping[str, Any]) -> int:
    seed = document.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise StudyError(
            f"{PARAMS}: seed: found {shown(seed)}; expected an integer from 0 to {2**32 - 1}"
        )
    return seed


def run_seeds(spec: registry.MethodSpec, seed: int) -> tuple[int, ...]:
    """Return the seeds of a run: its own if it has any, or the study's."""
    own = getattr(spec, "seeds", None)
    return tuple(own) if own else (seed,)
