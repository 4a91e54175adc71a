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

AFFECTS_OUTPUTS = False
"""It writes to the terminal alone; see `pipeline.fingerprints`."""
Advance = Callable[[int], None]
QUIET = 2.0
"""Minimum seconds between two lines of a log; shorter work prints nothing."""


@contextmanager
def byte_progress(what: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Yield a function to call with the number of bytes just processed.

    It updates a bar on a terminal. Otherwise, as in a log, it prints a line about every 10%.

    Args:
        what: what is being done, for the reader.
        total: bytes in total.
        done: bytes already processed by an earlier attempt.
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
        self._started = self._printed = time.monotonic()

    def __call__(self, count: int) -> None:
        self._done += count
        tenth = 10 * self._done // max(self._total, 1)
        now = time.monotonic()
        if tenth <= self._tenth or now - self._printed < QUIET:
            return
        self._tenth, self._printed = tenth, now
        seconds = now - self._started
        left = seconds * (self._total - self._done) / max(self._done - self._first, 1)
        print(
            f"{self._what}: {self._done / 1e6:,.1f} of {self._total / 1e6:,.1f} MB, "
            f"about {left:,.0f} s left",
            flush=True,
        )
