"""Timing several implementations alternately, so that a busy machine slows them all alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

REPETITIONS = 5


@dataclass(frozen=True)
class Row:
    """One alternative for a task, compared with ours."""

    task: str
    ours: float
    """Our median seconds."""
    other: str
    """The alternative."""
    seconds: float
    """Its median seconds."""
    ratio: float
    """Median over repetitions of the alternative's seconds divided by ours."""
    lowest: float
    highest: float
    agreement: str
    """How far apart the two results are."""
    repetitions: int = REPETITIONS
    """How often each was timed."""


def race(
    task: str,
    ours: Callable[[], object],
    others: Mapping[str, tuple[Callable[[], object], str | Callable[[], str]]],
    repetitions: int = REPETITIONS,
) -> list[Row]:
    """Time our implementation and the others alternately.

    Args:
        task: what is done, for the table.
        ours: our implementation; called once before the timing, to fill its tables.
        others: name -> (alternative, how far its result is from ours); the latter can be a
            function, which is called after the timing.
        repetitions: how often each is timed.
    """
    ours()
    times = []
    for _ in range(repetitions):
        times.append([_seconds(way) for way in (ours, *(way for way, _ in others.values()))])
    seconds = np.array(times)
    rows = []
    for column, (name, (_, agreement)) in enumerate(others.items(), start=1):
        ratios = seconds[:, column] / seconds[:, 0]
        rows.append(
            Row(
                task=task,
                ours=float(np.median(seconds[:, 0])),
                other=name,
                seconds=float(np.median(seconds[:, column])),
                ratio=float(np.median(ratios)),
                lowest=float(ratios.min()),
                highest=float(ratios.max()),
                agreement=agreement() if callable(agreement) else agreement,
                repetitions=repetitions,
            )
        )
    return rows


def seconds_of(way: Callable[[], object], repetitions: int = 3) -> float:
    """Return the median seconds of one implementation by itself."""
    return float(np.median([_seconds(way) for _ in range(repetitions)]))


def _seconds(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start
