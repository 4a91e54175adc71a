"""Which code a result was computed with."""

from __future__ import annotations

import subprocess
from pathlib import Path

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


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return what git prints; None where there is no git, or no commit yet."""
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
