"""Which code a result was computed with, and from which inputs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.yaml_files import read_yaml
from pipeline.storage.paths import CODE

CHECKOUT = Path(__file__).resolve().parents[2]
"""Also where the code is reached through a workspace's link."""
SECTIONS = {
    "featurize": "features",
    "train_classical": "classical",
    "train_deep": "deep",
    "corrupt": "corrupt",
}
"""Stages that there are several of -> the section of params.yaml whose entries they are for."""


def code_version(checkout: Path = CHECKOUT) -> str:
    """Return git's commit of the code, and whether it was changed since.

    Returns:
        ``9f2c...``, ``9f2c... with uncommitted changes of code``, or a word that there is no git.
    """
    commit = _git(checkout, "rev-parse", "HEAD")
    if commit is None:
        return "not under git"
    changed = _git(checkout, "status", "--porcelain", "--", "pipeline", "stages", "dvc.yaml")
    return f"{commit} with uncommitted changes of code" if changed else commit


def lock_digest(folder: Path) -> str | None:
    """Return the SHA-256 of what a study's dvc.lock says of what its report is made from.

    That is, of every stage of the study but ``report``, which DVC writes into the lock after it has
    ended: command, parameters, the hashes of code and of files from elsewhere, and those of what
    it made. The lock also keeps runs that params.yaml no longer names, and the hashes of folders
    that hold their files, of params.yaml with its remarks, and of all the code with its comments,
    where ``check`` tells each stage what its own code does; they are left out, so that an edit
    taken back gives the same again. ``python -m pipeline.commands.provenance <folder>`` prints it.

    Args:
        folder: where dvc.lock and params.yaml lie; stages and keys may stand in any order.

    Returns:
        64 hexadecimal digits; None where there is no lock, as when stages were run by hand.
    """
    lock, params = folder / "dvc.lock", folder / "params.yaml"
    if not lock.exists():
        return None
    document = read_yaml(params)
    # By PyYAML, which takes 1e-05 for text: published hashes are of what it reads. No name, path or
    # hash in a lock can be read in two ways, since DVC quotes them where that might be.
    recorded = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
    stages = {
        name: entry
        for name, entry in recorded.items()
        if _is_of(name, document) and not _looks_at_code(entry)
    }
    made = {out["path"] for entry in stages.values() for out in entry.get("outs", ())}
    made.add(params.name)  # stages name the parameters that they use; the file has remarks as well
    kept = {
        name: entry | {"deps": [dep for dep in entry.get("deps", ()) if not _meets(dep, made)]}
        for name, entry in stages.items()
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _is_of(stage: str, params: Mapping[str, Any]) -> bool:
    kind, _, entry = stage.partition("@")
    return kind != "report" and (not entry or entry in (params.get(SECTIONS[kind]) or {}))


def _looks_at_code(entry: Mapping[str, Any]) -> bool:
    """Tell whether a stage is `check`, which depends on all code; earlier ones left no `CODE`."""
    return any(out["path"] == CODE.as_posix() for out in entry.get("outs", ()))


def _meets(dep: Mapping[str, Any], made: Collection[str]) -> bool:
    """Tell whether a stage has made what is depended on, a part of it, or the whole of it."""
    path = dep["path"] + "/"
    return any(path.startswith(f"{each}/") or f"{each}/".startswith(path) for each in made)


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return what git prints; None where there is no git, or no commit yet."""
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    print(lock_digest(Path(sys.argv[1])))
