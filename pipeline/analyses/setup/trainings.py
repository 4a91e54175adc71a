"""How networks were trained, and the checks before training, as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.page.formats import count, plain_value, quantity

_TOLD = ("best_epoch", "epochs_run", "stopped_early", "multiply_adds", "phases")
_CHECKS = "preflight"
"""The note with the checks before the first phase; later ones are ``preflight_2``, ..."""


def training_pairs(
    cards: Sequence[Mapping[str, Any]], history: pd.DataFrame
) -> tuple[tuple[str, str], ...]:
    """Return (what, value) pairs on the training of a run, as far as its cards have them.

    Args:
        cards: of all seeds, in order.
        history: the run's rows of the learning curves. Times are medians over the epochs of all
            seeds, which the first epoch with its compilation hardly affects.
    """
    pairs = {
        "epochs run": ", ".join(filter(None, (_epochs_run(card["notes"]) for card in cards))),
        "best epoch": _each(cards, "best_epoch"),
        "phases": _phases(cards[0]["notes"].get("phases", ())),
        "seconds per epoch": _median(history, "seconds"),
        "images per second": _median(history, "images_per_second"),
        "learning rate": _learning_rate(history),
        "multiply-adds per image": _multiply_adds(cards[0]["notes"].get("multiply_adds")),
    }
    return tuple((name, text) for name, text in pairs.items() if text)


def checks_before(notes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return (check, its result) of a card's notes; with several phases, ``phase 2, check``."""
    phases = [checks for name, checks in notes.items() if _is_checks(name)]
    return tuple(
        (f"phase {number}, {name}" if len(phases) > 1 else name, plain_value(said))
        for number, checks in enumerate(phases, start=1)
        for name, said in checks.items()
    )


def is_shown(note: str) -> bool:
    """Return whether a note of a card is shown here rather than among its other notes."""
    return note in _TOLD or _is_checks(note)


def _is_checks(note: str) -> bool:
    return note == _CHECKS or note.startswith(f"{_CHECKS}_")


def _epochs_run(notes: Mapping[str, Any]) -> str:
    if "epochs_run" not in notes:
        return ""
    return f"{notes['epochs_run']}{' (stopped early)' if notes.get('stopped_early') else ''}"


def _each(cards: Sequence[Mapping[str, Any]], note: str) -> str:
    return ", ".join(str(card["notes"][note]) for card in cards if note in card["notes"])


def _phases(phases: Sequence[Mapping[str, Any]]) -> str:
    return ", then ".join(
        f"{phase['epochs']} epochs (learning rate {phase['learning_rate']:g})" for phase in phases
    )


def _values(history: pd.DataFrame, metric: str) -> pd.Series:
    return history[(history["metric"] == metric) & (history["split"] == "train")]["value"]


def _median(history: pd.DataFrame, metric: str) -> str:
    values = _values(history, metric)
    return "" if values.empty else quantity(float(values.median()))


def _learning_rate(history: pd.DataFrame) -> str:
    rates = _values(history, "learning_rate")
    if rates.empty:
        return ""
    first = history[history["seed"] == history["seed"].iloc[0]].sort_values("x", kind="stable")
    peak, last = float(rates.max()), float(_values(first, "learning_rate").iloc[-1])
    return f"{peak:.3g}" if peak == last else f"peak {peak:.3g}, last {last:.3g}"


def _multiply_adds(number: Any) -> str:
    if number is None:
        return ""
    return f"{quantity(number / 1e6)} million" if number >= 1e6 else count(number)
