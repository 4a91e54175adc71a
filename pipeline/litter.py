"""Temporary files that killed processes have left, and how they are told from those in use."""

from __future__ import annotations

import os
import platform
import re
import time
from contextlib import suppress
from pathlib import Path

HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node())[:20] or "host"
DAY = 24 * 3600
MINUTE = 60

_OURS = re.compile(r"\.tmp-([A-Za-z0-9]+)-(\d+)-")
_OF_DVC = re.compile(r"\.[\w-]{22}\.tmp")
"""DVC's, where the disk was full as it linked a result into its cache."""
_swept: set[Path] = set()


def prefix() -> str:
    """Return how the names of this process's temporary files begin: hidden, and recognizable."""
    return f".tmp-{HOST}-{os.getpid()}-"


def sweep(folder: Path) -> None:
    """Remove what killed processes have left in a folder; once per folder and process.

    A file of a living process of this machine stays. Nobody can tell here whether a process of
    another machine lives, which may share the disk, so its files stay for a day. Those of DVC,
    which does not name its process, stay for a minute after the last write.
    """
    folder = folder.absolute()
    if folder in _swept:
        return
    _swept.add(folder)
    for path in folder.glob(".*"):
        with suppress(OSError):
            if _is_litter(path):
                path.unlink()


def _is_litter(path: Path) -> bool:
    ours = _OURS.match(path.name)
    if not ours and not _OF_DVC.fullmatch(path.name):
        return False
    status = path.lstat()
    age = time.time() - max(status.st_mtime, status.st_ctime)
    if ours is None:
        return age > MINUTE
    return age > DAY or (ours[1] == HOST and not _lives(int(ours[2])))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True
