"""How much memory a process can still allocate, given the system and its control groups."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NO_LIMIT = 2**60
"""Control groups of version 1 report a missing limit as a number of about this size."""


def available() -> int | None:
    """Return the bytes that this process can still allocate; None if that is unknown."""
    limits = [free for free in (_system_memory(), _group_memory()) if free is not None]
    return min(limits, default=None)


def total() -> int | None:
    """Return the bytes that this process could ever have; None if that is unknown.

    Unlike `available`, it does not depend on what else runs at the time.
    """
    limits = [most for most in (_system_memory("MemTotal"), _group_limit()) if most is not None]
    return min(limits, default=None)


def _system_memory(field: str = "MemAvailable") -> int | None:
    """Return the memory that Linux reports as available, or the total memory of a Mac."""
    if sys.platform == "darwin":
        query = subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, text=True)
        return int(query.stdout) if query.stdout.strip().isdigit() else None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    fields = found.get(field, "").split()
    return 1024 * int(fields[0]) if fields else None


def _group_memory(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> int | None:
    """Return the memory that the control groups of a container or batch job leave free.

    They count inactive pages of files as used, but those are released when needed.

    Args:
        root: where control groups are mounted.
        own: this process's group below it; None asks Linux.
    """
    group = Path((_own_group() if own is None else own).strip("/"))
    folders = [root / each for each in (group, *group.parents)]
    free = [_left_free(folder, _VERSION_2) for folder in folders]
    free.append(_left_free(root / "memory", _VERSION_1))
    return min((each for each in free if each is not None), default=None)


def _group_limit(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> int | None:
    """Return the smallest limit of the control groups; arguments as in `_group_memory`."""
    group = Path((_own_group() if own is None else own).strip("/"))
    files = [root / each / _VERSION_2[0] for each in (group, *group.parents)]
    limits = [_limit(file) for file in (*files, root / "memory" / _VERSION_1[0])]
    return min((each for each in limits if each is not None), default=None)


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdigit() and int(text) < NO_LIMIT else None


_VERSION_1 = (
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.stat",
    "total_inactive_file",
)
_VERSION_2 = ("memory.max", "memory.current", "memory.stat", "inactive_file")


def _own_group() -> str:
    """Return the path of the process's group of version 2, which Linux writes as ``0::/path``."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line[3:] for line in lines if line.startswith("0::")), "")


def _left_free(folder: Path, names: tuple[str, str, str, str]) -> int | None:
    limit_file, used_file, statistics_file, inactive = names
    try:
        limit = (folder / limit_file).read_text(encoding="ascii").strip()
        used = int((folder / used_file).read_text(encoding="ascii"))
        lines = (folder / statistics_file).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    if not limit.isdigit() or int(limit) >= NO_LIMIT:
        return None
    statistics = dict(line.split() for line in lines if len(line.split()) == 2)
    return int(limit) - used + int(statistics.get(inactive, 0))


def byte_size(n_bytes: float) -> str:
    """Return ``248 kB``, ``58.9 MB`` or ``31 GB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= scale:
            value = n_bytes / scale
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
