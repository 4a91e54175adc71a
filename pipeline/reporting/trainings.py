"""How the trainings of networks went, and what was checked before them, as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.reporting.formats import count, plain_value, quantity

TOLD = (
    "best_epoch", "epochs_run", "stopped_early", "preflight", "multiply_adds", "phases",
)  # fmt: skip
"""Notes of a card that are told here, and not among its other notes."""


def training_pairs(
    cards: Sequence[Mapping[str, Any]], history: pd.DataFrame
) -> tuple[tuple[str, str], ...]:
    """Say in (what, value) how a run was trained; what its cards do not tell is left out.

    Args:
        cards: of all seeds, in the order in which the run names them.
        history: the run's rows of the learning curves. Times are medians over the epochs of all
            seeds, which the first epoch with its compilation hardly moves.
    """
    pairs = {
        "epochs run": ", ".join(filter(None, (_epochs_run(card["notes"]) for card in cards))),
        "best epoch": _each(cards, "best_epoch"),
        "phases": _phases(cards[0]["notes"].get("phases") or []),
        "seconds per epoch": _median(history, "seconds"),
        "images per second": _median(history, "images_per_second"),
        "learning rate": _learning_rate(history),
        "multiply-adds per image": _multiply_adds(cards[0]["notes"].get("multiply_adds")),
    }
    return tuple((name, text) for name, text in pairs.items() if text)


def checks_before(notes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return (check, what it said) of a card's notes; of several phases, ``phase, check``."""
    return tuple(_lines(notes.get("preflight") or {}))


def _lines(checks: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, said in checks.items():
        label = prefix + str(name).replace("_", " ")
        if isinstance(said, Mapping):
            yield from _lines(said, f"{label}, ")
        else:
            yield label, plain_value(said)


def _epochs_run(notes: Mapping[str, Any]) -> str:
    if "epochs_run" not in notes:
        return ""
    return f"{notes['epochs_run']}{' (stopped early)' if notes.get('stopped_early') else ''}"


def _each(cards: Sequence[Mapping[str, Any]], note: str) -> str:
    return ", ".join(str(card["notes"][note]) for card in cards if note in card["notes"])


def _phases(phases: Sequence[Mapping[str, Any]]) -> str:
    texts = []
    for index, phase in enumerate(phases, start=1):
        best = f", best {phase['best_epoch']}" if phase.get("best_epoch") is not None else ""
        epochs = f" {phase['epochs']} epochs{best}" if "epochs" in phase else ""
        texts.append(f"{phase.get('name', index)}{epochs}")
    return ", then ".join(texts) if len(texts) > 1 else ""


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
