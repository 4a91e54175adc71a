"""Reading params.yaml, whole as YAML or one entry of it as options.

Most stages read their own entry alone (`load_entry`), so that they import no other method and
depend on nothing else in the file. `pipeline.config.params` is the model of all of it.
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
SECTIONS = ("features", "classical", "deep", "corrupt")
"""Those of params.yaml whose entries have names."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def check_name(kind: str, name: object) -> None:
    """Raise `StudyError` unless an entry of a section is named by letters, digits, - and _."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise StudyError(
            f"{kind}: found the name {shown(name)}; expected up to 60 letters, digits, - and _, "
            "because names of entries become names of stages and files"
        )


def stage_entry(stage: str, arguments: Sequence[str]) -> str:
    """Return the entry that a stage is for: its argument, or what DVC says in ``DVC_STAGE``.

    dvc.yaml puts no names into commands: a shell reads those, and whatever stands in params.yaml
    would be run. DVC tells each command its stage, ``featurize@hog``, in the environment.

    Args:
        stage: the stage's name in dvc.yaml.
        arguments: of the command line; by hand, the entry's name.

    Raises:
        StudyError: if neither names an entry, or the name is none that an entry may have.
    """
    if arguments:
        name = arguments[0]
    else:
        # From another folder, DVC puts the path of dvc.yaml in front, and a colon.
        found = re.fullmatch(
            rf"(?:.*:)?{re.escape(stage)}@(.*)", os.environ.get("DVC_STAGE", ""), re.DOTALL
        )
        if not found:
            raise StudyError(
                f"found no name; expected one, as in: dvc repro {stage}@<name>, "
                f"or: python -m stages.{stage} <name>"
            )
        name = found[1]
    check_name(stage, name)
    return name


def load_entry(kind: str, name: str | None = None) -> tuple[registry.MethodSpec, int]:
    """Read one entry and the study's seed; the method of no other entry is imported.

    Args:
        kind: ``dataset``, ``features``, ``classical`` or ``deep``.
        name: the entry's name; None for the dataset.

    Raises:
        StudyError: if there is no such entry, or it is wrong.
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
    """Read params.yaml whole, without its methods, for stages that write a file for each entry.

    Returns:
        The document, in which each section is a mapping whose names can name files, {} where there
        is none; and the study's seed.

    Raises:
        StudyError: if a section or a name is something else.
    """
    document = read_yaml(PARAMS)
    for kind in SECTIONS:
        section = document.setdefault(kind, {}) or {}
        if not isinstance(section, Mapping):
            raise StudyError(
                f"{PARAMS}: {kind}: found {shown(section)}; expected names with their entries"
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
        raise StudyError(f"{PARAMS}: seed: found {shown(seed)}; expected 0 to {2**32 - 1}")
    return seed


def run_seeds(spec: registry.MethodSpec, seed: int) -> tuple[int, ...]:
    """Return the seeds of a run: its own, or the study's."""
    own = getattr(spec, "seeds", None)
    return tuple(own) if own else (seed,)
