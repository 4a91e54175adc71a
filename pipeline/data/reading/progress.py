"""Progress of long reads and downloads, counted in bytes, with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Advance = Callable[[int], None]
QUIET = 2.0
"""Seconds between two lines of a log: what is shorter says nothing."""


@contextmanager
def byte_progress(what: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Give a function that is told how many bytes more have been dealt with.

    A bar on a terminal; else, as in a log, a line about every tenth of the way.

    Args:
        what: what is being done, for the reader.
        total: all bytes.
        done: bytes that were dealt with before, by an earlier attempt.
    """
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        yield _Lines(what, total, done)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total, completed=done)
        yield lambda count: progress.advance(task, count)


class _Lines:
    """Prints a line whenever another tenth is done."""

    def __init__(self, what: str, total: int, done: int) -> None:
        self._what, self._total, self._first, self._done = what, total, done, done
        self._tenth = 10 * done // max(total, 1)
        self._started = self._told = time.monotonic()

    def __call__(self, count: int) -> None:
        self._done += count
        tenth = 10 * self._done // max(self._total, 1)
        now = time.monotonic()
        if tenth <= self._tenth or now - self._told < QUIET:
            return
        self._tenth, self._told = tenth, now
        seconds = now - self._started
        left = seconds * (self._total - self._done) / max(self._done - self._first, 1)
        print(
            f"{self._what}: {self._done / 1e6:,.1f} of {self._total / 1e6:,.1f} MB, "
            f"about {left:,.0f} s left",
            flush=True,
        )
