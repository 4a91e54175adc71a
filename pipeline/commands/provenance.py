"""The code and the inputs that a result was computed from."""

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
"""The root of the checkout, even if the code is reached through a workspace's link."""
SECTIONS = {
    "featurize": "features",
    "train_classical": "classical",
    "train_deep": "deep",
    "corrupt": "corrupt",
    "sample_size": "sample_size.runs",
    "ablations": "ablations",
}
"""Stage with one instance per entry -> the section of params.yaml with those entries."""


def code_version(checkout: Path = CHECKOUT) -> str:
    """Return the git commit of the code, and whether it was changed since.

    Returns:
        ``9f2c...``, ``9f2c... with uncommitted changes to code``, or ``not under git``.
    """
    commit = _git(checkout, "rev-parse", "HEAD")
    if commit is None:
        return "not under git"
    changed = _git(checkout, "status", "--porcelain", "--", "pipeline", "stages", "dvc.yaml")
    return f"{commit} with uncommitted changes to code" if changed else commit


def lock_digest(folder: Path) -> str | None:
    """Return the SHA-256 of the parts of a study's dvc.lock that its report is made from.

    These are, for every stage of the study except ``report`` (which DVC adds to the lock after it
    has finished): command, parameters, the hashes of code and of external files, and those of its
    outputs. Some of the lock is left out, so that undoing an edit restores the same digest: runs
    that params.yaml no longer names, the hashes of folders that contain their files, and those of
    params.yaml and all source files with their comments (``check`` records what the code of each
    stage does). ``python -m pipeline.commands.provenance <folder>`` prints the digest.

    Args:
        folder: the folder of dvc.lock and params.yaml; the order of stages and keys is irrelevant.

    Returns:
        64 hexadecimal digits; None if there is no lock, as when stages were run by hand.
    """
    lock, params = folder / "dvc.lock", folder / "params.yaml"
    if not lock.exists():
        return None
    document = read_yaml(params)
    # PyYAML reads 1e-05 as text, and published digests are based on that. Names, paths and hashes
    # in a lock are unambiguous, because DVC quotes them where necessary.
    recorded = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
    stages = {
        name: entry
        for name, entry in recorded.items()
        if _is_of(name, document) and not _looks_at_code(entry)
    }
    made = {out["path"] for entry in stages.values() for out in entry.get("outs", ())}
    made.add(params.name)  # stages list the parameters that they use; the file also has comments
    kept = {
        name: entry | {"deps": [dep for dep in entry.get("deps", ()) if not _meets(dep, made)]}
        for name, entry in stages.items()
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _is_of(stage: str, params: Mapping[str, Any]) -> bool:
    kind, _, entry = stage.partition("@")
    return kind != "report" and (not entry or entry in _entries(SECTIONS[kind], params))


def _entries(section: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = params
    for part in section.split("."):
        found = found.get(part) or {}
    return found


def _looks_at_code(entry: Mapping[str, Any]) -> bool:
    """Return whether a stage is `check`, which depends on all code and writes `CODE`."""
    return any(out["path"] == CODE.as_posix() for out in entry.get("outs", ()))


def _meets(dep: Mapping[str, Any], made: Collection[str]) -> bool:
    """Return whether a dependency is an output of a stage, or contains or lies in one."""
    path = dep["path"] + "/"
    return any(path.startswith(f"{each}/") or f"{each}/".startswith(path) for each in made)


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return what git prints; None if there is no git, or no commit yet."""
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m pipeline.commands.provenance <folder>")
    print(lock_digest(Path(sys.argv[1])))
