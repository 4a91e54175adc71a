"""Reading params.yaml, whole as YAML or one entry of it as options.

Most stages read their own entry alone (`load_entry`), so that they import no other method and
depend on nothing else in the file. `pipeline.params` is the model of all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import registry
from pipeline.checks import StudyError, did_you_mean, listing

PARAMS = Path("params.yaml")


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
        known = list(section) if isinstance(section, Mapping) else []
        if name not in known:
            raise StudyError(
                f"{PARAMS}: {kind} has no {name!r}{did_you_mean(name, known) or ';'} "
                f"defined: {listing(known, 40)}"
            )
        entry = cast(Mapping, section)[name]
    where = f"{PARAMS}: {kind}" if name is None else f"{PARAMS}: {kind}.{name}"
    return registry.parse(kind, entry, where), int(document.get("seed", 0))


def run_seeds(spec: registry.MethodSpec, seed: int) -> tuple[int, ...]:
    """Return the seeds of a run: its own, or the study's."""
    own = getattr(spec, "seeds", None)
    return tuple(own) if own else (seed,)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 file, as DVC does, whose top level is a mapping.

    Raises:
        StudyError: if it is missing, no YAML, or has a key twice, with the line.
    """
    if not path.exists():
        where = path.resolve().parent
        raise StudyError(f"there is no {path.name} in {where}; run this in a study's folder")
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, TypeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not YAML: {_one_line(error)}") from None
    if not isinstance(document, dict):
        raise StudyError(f"{path}: found {type(document).__name__}; expected keys and values")
    return document


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark else problem
