"""Fingerprints that were computed before, for the same files.

Parsing all that a stage imports takes as long as some stages themselves, and each stage asks for
its fingerprint at its start. So fingerprints are kept in the user's cache folder, under a hash of
all files of the project's packages, to the byte, and of the version of Python: whoever edits
anything gets new ones. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from pipeline.fingerprints.modules import Code, Fingerprint
from pipeline.storage.files import save_text
from pipeline.storage.integrity import digest
from pipeline.user_cache import user_cache

MOST_STATES = 10
"""So many states of the code are kept, the latest ones."""


class RememberedCode(Code):
    """The modules of the project, parsed only if their fingerprints are not known."""

    def fingerprint(self, starts: Iterable[str]) -> Fingerprint:
        """Return what `Code.fingerprint` returns."""
        names = sorted(set(starts))
        used = {kind: sorted(methods) for kind, methods in self.used.items()}
        if self._state is None:
            return super().fingerprint(names)
        file = self._state / f"{digest([names, used])}.json"
        with suppress(OSError, ValueError, AttributeError):
            return {str(name): str(value) for name, value in json.loads(file.read_text()).items()}
        found = super().fingerprint(names)
        with suppress(OSError):  # it is computed again the next time
            if not self._state.exists():
                _forget(self._state.parent)
            save_text(file, json.dumps(found))
        return found

    @cached_property
    def _state(self) -> Path | None:
        """The folder of the fingerprints of the code as it is; None if that cannot be told."""
        try:
            return user_cache() / "code" / sources_digest(self)
        except OSError:
            return None


def sources_digest(code: Code) -> str:
    """Return the SHA-256 of the paths and bytes of all files of the packages, and of Python.

    Raises:
        OSError: if a file cannot be read.
    """
    found = hashlib.sha256(sys.version.encode())
    for package in code.packages:
        for folder, folders, files in os.walk(code.root / package, followlinks=True):
            folders[:] = sorted(each for each in folders if each != "__pycache__")
            for name in sorted(files):
                path = Path(folder, name)
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                found.update(f"{path.relative_to(code.root).as_posix()}\0{content}\0".encode())
    return found.hexdigest()


def _forget(folder: Path) -> None:
    """Remove the oldest states of the code, but for `MOST_STATES` less one."""
    states = sorted(folder.glob("*"), key=lambda each: each.stat().st_mtime)
    for each in states[: max(0, len(states) - MOST_STATES + 1)]:
        shutil.rmtree(each, ignore_errors=True)
