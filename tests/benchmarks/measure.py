"""Timing several ways of doing one thing in turns, so that a busy machine slows them all alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

REPETITIONS = 5


@dataclass(frozen=True)
class Row:
    """One way of doing a task, beside ours."""

    task: str
    ours: float
    """Our median seconds."""
    other: str
    """The other way."""
    seconds: float
    """Its median seconds."""
    ratio: float
    """Median of the other's seconds over ours, of the same turn."""
    lowest: float
    highest: float
    agreement: str
    """How far apart the two results are."""
    turns: int = REPETITIONS
    """How often each way was timed."""


def race(
    task: str,
    ours: Callable[[], object],
    others: Mapping[str, tuple[Callable[[], object], str | Callable[[], str]]],
    repetitions: int = REPETITIONS,
) -> list[Row]:
    """Time our way and the others in turns.

    Args:
        task: what is done, for the table.
        ours: our way; called once before, to fill its tables.
        others: name -> (the other way, how far its result is from ours); the latter can be a
            function, which is called after the turns.
        repetitions: how many turns.
    """
    ours()
    turns = []
    for _ in range(repetitions):
        turns.append([_seconds(way) for way in (ours, *(way for way, _ in others.values()))])
    seconds = np.array(turns)
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
                turns=repetitions,
            )
        )
    return rows


def seconds_of(way: Callable[[], object], repetitions: int = 3) -> float:
    """Return the median seconds of one way alone."""
    return float(np.median([_seconds(way) for _ in range(repetitions)]))


def _seconds(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start
