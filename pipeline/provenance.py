"""Which code a result was computed with, and from which inputs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
"""Also where the code is reached through a workspace's link."""


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


def lock_digest(lock: Path) -> str | None:
    """Return the SHA-256 of what dvc.lock says of all stages but ``report``.

    DVC writes a stage into the lock when the stage has ended, so that the report cannot hold the
    hash of the finished file. Everything that the report is made from is in the lock before it:
    the hashes of images, parameters, code and outputs of every stage. ``python -m
    pipeline.provenance <dvc.lock>`` prints the same.

    Args:
        lock: the file; stages and keys may stand in any order.

    Returns:
        64 hexadecimal digits; None where there is no lock, as when stages were run by hand.
    """
    if not lock.exists():
        return None
    stages = dict(yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"])
    stages.pop("report", None)
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest()


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
