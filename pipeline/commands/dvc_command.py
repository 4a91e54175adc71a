"""DVC as a child process: Ctrl-C prints one line, and a blocking lock is explained."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline import litter
from pipeline.host_memory import byte_size
from pipeline.system_errors import GOES_ON

INTERRUPTED = 128 + signal.SIGINT
SILENT_INTERRUPTS = (252, -signal.SIGINT)
"""Exit codes of DVC if it was interrupted outside of a stage; stages report that themselves."""
INTERRUPTED_MESSAGE = (
    "interrupted. Nothing is lost: run the same command to continue after the last finished stage"
)
NEARLY_FULL = 10_000_000
"""Free bytes; if DVC fails with fewer, that may be the reason."""

# DVC handles Ctrl-C only after its import; until then Python would print a traceback.
LAUNCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
from dvc.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "dvc"
sys.exit(main())
"""


def stop_at_once() -> None:
    """Let Ctrl-C end this process at once, with one line, while there is nothing to clean up."""

    def stop(signum: int, frame: FrameType | None) -> None:
        print(f"\n{INTERRUPTED_MESSAGE}", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, stop)


def run_dvc(folder: Path, *arguments: str) -> int:
    """Run a DVC command in a folder; return its exit code, 130 if Ctrl-C was pressed.

    What DVC does not say is printed on standard error: which process holds a lock, or that the
    disk is full.
    """
    interrupted = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True  # DVC and its stage get the same signal and shut down in order

    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"
    before = signal.signal(signal.SIGINT, interrupt)
    # Ctrl-C is blocked until DVC's process has installed its own handler.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", LAUNCH, *arguments],
            cwd=folder,
            env=os.environ | {"PATH": path},
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = process.wait()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
    if interrupted or code in SILENT_INTERRUPTS:
        if code in SILENT_INTERRUPTS:
            print(f"\n{INTERRUPTED_MESSAGE}", file=sys.stderr)
        return INTERRUPTED
    if code != 0:
        for line in filter(None, (lock_in_the_way(folder), full_disk(folder))):
            print(f"\nerror: {line}", file=sys.stderr)
    return code


def clear_up(folder: Path) -> None:
    """Clean up DVC's own files after a full disk or a kill, so that it can continue.

    DVC writes dvc.lock in place; a truncated one would stop every later command. It is moved aside,
    and DVC restores finished results from its cache.
    """
    file = folder / "dvc.lock"
    if file.exists() and not _is_whole(file):
        aside = file.with_suffix(".damaged")
        file.replace(aside)
        print(
            f"{file} is truncated, perhaps because the disk was full. It was renamed to "
            f"{aside.name}; DVC restores finished results from its cache",
            file=sys.stderr,
        )
    for each in (folder / ".dvc" / "cache" / "files" / "md5").glob("*"):
        litter.sweep(each)


def _is_whole(file: Path) -> bool:
    """Return whether DVC itself can read a dvc.lock; an empty one is fine."""
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import parse_yaml
    from voluptuous import Invalid

    try:
        content = parse_yaml(file.read_text(encoding="utf-8"), str(file))
        if content:
            COMPILED_LOCKFILE_SCHEMA(content)
    except (DvcException, Invalid, UnicodeDecodeError):
        return False
    return True


def full_disk(folder: Path) -> str | None:
    """Return a message if the disk of a folder is nearly full, otherwise None."""
    free = shutil.disk_usage(folder).free
    if free > NEARLY_FULL:
        return None
    return (
        f"the disk is nearly full: {byte_size(free)} are free in {folder}. Free some space (`dvc "
        f"gc --workspace` removes from the cache what the study no longer uses), {GOES_ON}"
    )


def lock_in_the_way(folder: Path) -> str | None:
    """Explain which process holds one of DVC's locks on a folder, or that a lock is stale.

    DVC writes process ids into ``.dvc/tmp/rwlock`` and considers a lock held while any process has
    that id. It may be an unrelated process, especially in a container, where ids are small.

    Returns:
        A message that says what to do, or None if no lock is held.
    """
    file = folder / ".dvc" / "tmp" / "rwlock"
    try:
        entries = _entries(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        entries = {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return (
            f"the lock {file} is damaged, perhaps because the disk was full. "
            f"{_removal(folder, file)}"
        )
    written = file.stat().st_mtime if entries else 0.0
    for pid, command in entries.items():
        found = _process(pid)
        if found is None:
            continue
        name, started, is_dvc = found
        if is_dvc and started <= written + 1:
            return _in_use(folder, pid, command)
        return (
            f"the lock {file} names process {pid} ({command}), but the process with that id is now "
            f"`{name}`: a DVC process was killed, perhaps in another container, and left its lock. "
            f"{_removal(folder, file)}"
        )
    return _held(folder)


def _entries(document: dict[str, Any]) -> dict[int, str]:
    """Return process id -> command for all processes that hold a lock."""
    infos = list(document.get("write", {}).values())
    for readers in document.get("read", {}).values():
        infos += readers
    return {int(info["pid"]): str(info["cmd"]) for info in infos if info}


def _process(pid: int) -> tuple[str, float, bool] | None:
    """Return a running process's name, its start time, and whether it is a DVC process."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return process.name(), process.create_time(), False
        words = process.cmdline()
        return process.name(), process.create_time(), any("dvc" in word for word in words)
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return "a process of another user", time.time(), False


def _held(folder: Path) -> str | None:
    """Check DVC's other lock, which the system releases when its process ends."""
    file = folder / ".dvc" / "tmp" / "lock"
    try:
        with file.open("r+") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                words = stream.read().split()
                return _in_use(folder, int(words[0]) if words else None, "dvc")
    except (OSError, ValueError):
        pass
    return None


def _in_use(folder: Path, pid: int | None, command: str) -> str:
    process = f"process {pid}" if pid else "a process of another machine"
    end = f"stop it with: kill {pid}" if pid else "stop it"
    return (
        f"{folder} is in use by {process} ({command}). Wait until it has finished, or {end}; "
        f"{GOES_ON}"
    )


def _removal(folder: Path, file: Path) -> str:
    return (
        f"If no DVC process is running in {folder}, on this or any machine or container that "
        f"shares the disk, it is safe to remove the lock: rm {file}; {GOES_ON}"
    )
