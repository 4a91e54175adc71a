"""What a person sees while stages run side by side: one live table, or lines without a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.checks import escaped
from pipeline.progress import duration

AFFECTS_OUTPUTS = False
_REFRESH = 4
"""Times per second that the table is drawn."""


@dataclass(frozen=True)
class Running:
    """A stage at work."""

    stage: str
    where: str
    seconds: float
    expected: float | None
    """Seconds that it should take, if they are known."""


@dataclass(frozen=True)
class Snapshot:
    """Where a study stands."""

    done: int
    waiting: int
    failed: int
    running: Sequence[Running]
    left: float | None
    """Seconds until all stages are done, if they are known."""

    def line(self) -> str:
        """Return ``12 of 40 stages done, 2 running, 26 waiting; about 3 min left``."""
        total = self.done + self.waiting + self.failed + len(self.running)
        counts = [
            f"{self.done} of {total} stages done",
            f"{len(self.running)} running",
            f"{self.waiting} waiting",
            *([f"{self.failed} failed or left out"] if self.failed else []),
        ]
        left = f"; about {duration(self.left)} left" if self.left else ""
        return ", ".join(counts) + left


class Display:
    """The terminal during a study; a context manager."""

    def __init__(self, machines: bool, console: Console | None = None) -> None:
        self.machines = machines
        """Whether the table says which machine runs a stage."""
        self._console = console or Console(highlight=False)
        self._live: Live | None = None
        self._shown = 0.0

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=_REFRESH, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """Print a line, above the table if there is one."""
        self._console.print(Text(escaped(text)), soft_wrap=True)

    def started(self, stage: str, where: str) -> None:
        """Report the start of a stage; the table shows it, lines say it."""
        if self._live is None:
            self.say(f"started {stage}{f' on {where}' if self.machines else ''}")

    def finished(self, stage: str, seconds: float, now: Snapshot) -> None:
        """Report the end of a stage, with where the study stands."""
        rest = "" if self._live is not None else f"; {now.line()}"
        self.say(f"finished {stage} in {duration(seconds)}{rest}")

    def update(self, now: Snapshot) -> None:
        """Draw the table anew, if there is one."""
        if self._live is None or time.monotonic() < self._shown + 1 / _REFRESH:
            return
        self._shown = time.monotonic()
        self._live.update(Group(Text(now.line()), self._table(now.running)))

    def _table(self, running: Sequence[Running]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("running")
        if self.machines:
            table.add_column("on")
        table.add_column("since", justify="right")
        table.add_column("left", justify="right")
        for each in running:
            left = "" if each.expected is None else duration(max(0, each.expected - each.seconds))
            where = [escaped(each.where)] if self.machines else []
            table.add_row(each.stage, *where, duration(each.seconds), left)
        return table
