"""DVC as a child process: Ctrl-C ends in one line, and a lock that is in the way is explained."""

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
NOT_TOLD = (252, -signal.SIGINT)
"""Exit codes of an interrupted DVC outside of stages, which tell of it themselves."""
TOLD = "interrupted. Nothing is lost: the same command goes on after the last stage that finished"
NEARLY_FULL = 10_000_000
"""Bytes that are free; where DVC has failed with fewer, that may be why."""

# DVC itself cares for Ctrl-C only once it is imported; Python would print a traceback until then.
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
    """Let Ctrl-C end this process with one line: for the time in which it holds nothing open."""

    def stop(signum: int, frame: FrameType | None) -> None:
        print(f"\n{TOLD}", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, stop)


def run_dvc(folder: Path, *arguments: str) -> int:
    """Run a command of DVC in a folder; return its exit code, 130 where Ctrl-C was pressed.

    What DVC does not say itself is told on standard error: whose lock was in the way, and a disk
    that is full.
    """
    interrupted = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True  # DVC and its stage, of the same terminal, get it too and end in order

    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"
    before = signal.signal(signal.SIGINT, interrupt)
    # Held back until DVC's process has set what becomes of it.
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
    if interrupted or code in NOT_TOLD:
        if code in NOT_TOLD:
            print(f"\n{TOLD}", file=sys.stderr)
        return INTERRUPTED
    if code != 0:
        for line in filter(None, (lock_in_the_way(folder), full_disk(folder))):
            print(f"\nerror: {line}", file=sys.stderr)
    return code


def clear_up(folder: Path) -> None:
    """Remove what a full disk or a kill has left of DVC's own files, so that it goes on.

    DVC writes dvc.lock in place; one that was cut short stops every later command. It is set aside,
    and DVC takes results that were finished from its cache.
    """
    file = folder / "dvc.lock"
    if file.exists() and not _is_whole(file):
        aside = file.with_suffix(".damaged")
        file.replace(aside)
        print(
            f"{file} was cut short, as by a full disk; it is now {aside.name}. What was finished "
            "comes from DVC's cache",
            file=sys.stderr,
        )
    for each in (folder / ".dvc" / "cache" / "files" / "md5").glob("*"):
        litter.sweep(each)


def _is_whole(file: Path) -> bool:
    """Return whether DVC can read a dvc.lock, by its own rules; an empty one counts as none."""
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
    """Say that the disk of a folder is full, or return None."""
    free = shutil.disk_usage(folder).free
    if free > NEARLY_FULL:
        return None
    return (
        f"the disk is nearly full: {byte_size(free)} are free in {folder}. Make room on it (`dvc "
        f"gc --workspace` removes from the cache what the study no longer uses), {GOES_ON}"
    )


def lock_in_the_way(folder: Path) -> str | None:
    """Say which process holds one of DVC's locks on a folder, or that its lock is a stale one.

    DVC writes process numbers into ``.dvc/tmp/rwlock``, and takes a lock for held while any process
    has that number: another one perhaps, in a container above all, where numbers are small.

    Returns:
        A message with what to do, or None if no lock is in the way.
    """
    file = folder / ".dvc" / "tmp" / "rwlock"
    try:
        entries = _entries(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        entries = {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the lock {file} is damaged, as a full disk leaves it. {_removal(folder, file)}"
    written = file.stat().st_mtime if entries else 0.0
    for pid, command in entries.items():
        found = _process(pid)
        if found is None:
            continue
        name, started, is_dvc = found
        if is_dvc and started <= written + 1:
            return _in_use(folder, pid, command)
        return (
            f"the lock {file} names process {pid} ({command}), but the process with that number "
            f"is now `{name}`: a dvc was killed, in another container perhaps, and left it. "
            f"{_removal(folder, file)}"
        )
    return _held(folder)


def _entries(document: dict[str, Any]) -> dict[int, str]:
    """Return process number -> command of all that hold a lock."""
    infos = list(document.get("write", {}).values())
    for readers in document.get("read", {}).values():
        infos += readers
    return {int(info["pid"]): str(info["cmd"]) for info in infos if info}


def _process(pid: int) -> tuple[str, float, bool] | None:
    """Return a living process's name, when it started, and whether it is a DVC."""
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
        return "of another user", time.time(), False


def _held(folder: Path) -> str | None:
    """Look at DVC's other lock, which the system frees when its process ends."""
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
    end = f"end it with: kill {pid}" if pid else "end it"
    return (
        f"{folder} is in use: process {pid or 'of another machine'} ({command}) is at work there. "
        f"Wait until it has ended, or {end}; {GOES_ON}"
    )


def _removal(folder: Path, file: Path) -> str:
    return (
        f"If no dvc is at work in {folder}, on this or any machine or container that shares the "
        f"disk, the lock can safely be removed: rm {file}; {GOES_ON}"
    )
