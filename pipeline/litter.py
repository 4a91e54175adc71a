"""Temporary files left by killed processes, and how to tell them from files in use."""

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
"""Left by DVC if the disk was full when it linked a result into its cache."""
_swept: set[Path] = set()


def prefix() -> str:
    """Return the prefix of this process's temporary files: hidden, and recognizable."""
    return f".tmp-{HOST}-{os.getpid()}-"


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder; once per folder and process.

    Files of a running process on this machine stay. Files of another machine that shares the disk
    stay for a day, because it is unknown whether their process is still running. Files of DVC,
    which do not name their process, stay for a minute after the last write.
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
    except OSError:  # it belongs to another user
        return True
    return True
