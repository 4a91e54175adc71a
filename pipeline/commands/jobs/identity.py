"""What must be equal on all machines of a study: the code, Python, and the libraries."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from pathlib import Path

from pipeline.checks import listing
from pipeline.fingerprints.modules import PACKAGES, ROOT

_INSTALLERS = ("pip", "setuptools", "wheel")
"""Packages that only install others; each patch release of Python brings another pip."""
Identity = dict[str, str]
"""Name -> version; ``code`` is a SHA-256."""


def identity(root: Path = ROOT) -> Identity:
    """Return the identity of this machine, with the versions of the installed packages."""
    found = {
        _plain(each.metadata["Name"]): each.version
        for each in metadata.distributions()
        if each.metadata["Name"]
    }
    python = ".".join(platform.python_version_tuple()[:2])
    libraries = {name: found[name] for name in sorted(found) if name not in _INSTALLERS}
    return {**libraries, "python": python, "code": code_digest(root)}


def code_digest(root: Path = ROOT) -> str:
    """Return one SHA-256 of dvc.yaml and all files of the project's packages."""
    found = hashlib.sha256((root / "dvc.yaml").read_bytes())
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(path.relative_to(root).as_posix().encode() + b"\0")
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def differences(here: Identity, there: Identity) -> str:
    """Return what differs between two machines, for a message; empty if nothing does.

    The other machine may have more packages, such as those for a GPU.
    """
    others = [name for name in here if name != "code" and there.get(name) != here[name]]
    parts = [f"{name} {there.get(name, 'is missing')} instead of {here[name]}" for name in others]
    if here["code"] != there.get("code"):
        parts.insert(0, "other code (run `git pull` in its clone, or `git status` in both)")
    return listing(parts, 5) if parts else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
