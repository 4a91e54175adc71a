"""Progress lines on the terminal."""

from __future__ import annotations

import time

AFFECTS_OUTPUTS = False
"""It only writes to the terminal; see `pipeline.fingerprints`."""


def duration(seconds: float) -> str:
    """Return ``40 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


class Tenths:
    """Prints a line at every tenth of `total`, with an estimate of the time left."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self._start, self._next = time.perf_counter(), 1

    def __call__(self, done: int) -> None:
        """Report that `done` of the total are finished."""
        tenth = 10 * done // self.total
        if tenth < self._next:
            return
        self._next = tenth + 1
        seconds = time.perf_counter() - self._start
        left = seconds * (self.total - done) / done
        over = done >= self.total
        rest = f"{duration(seconds)} in total" if over else f"about {duration(left)} left"
        print(f"{self.what}: {done:,} of {self.total:,} images, {rest}", flush=True)
