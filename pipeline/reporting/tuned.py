"""What the search for a run's options tried, chose and cost, as texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import count, duration, percent, plain_value, quantity
from pipeline.storage.results import Results

SHOWN = 5
"""Trials of each run on the page; all of them are in ``tuning.csv``."""


@dataclass(frozen=True)
class Trial:
    """One row of a run's best trials."""

    number: str
    options: tuple[str, ...]
    """In the order of `TunedRun.names`."""
    images: str
    accuracy: str
    seconds: str


@dataclass(frozen=True)
class TunedRun:
    """The search of a run; of several seeds, the first searches for all."""

    run: str
    family: str
    ranges: tuple[tuple[str, str], ...]
    """(option, what was searched)."""
    chosen: str
    """``C = 5, gamma = 0.3``."""
    best: str
    """Validation accuracy of the choice in the search."""
    search: str
    """Trials, those stopped early, training images, seconds: one sentence."""
    names: tuple[str, ...]
    """Options that trials differ in."""
    trials: tuple[Trial, ...]
    """The `SHOWN` best complete ones, by validation accuracy, the earliest first of equal ones."""


def tuned_runs(results: Results) -> list[TunedRun]:
    """Collect the searches, in the order of the accuracy table; empty where nothing was tuned."""
    table = results.tables["tuning"]
    found = []
    for run in results.tables["accuracy"]["run"]:
        for seed, card in results.study["cards"][run].items():
            trials = table[(table["run"] == run) & (table["seed"] == int(seed))]
            if len(trials):
                found.append(_tuned(str(run), card, trials))
    return found


def _tuned(name: str, card: Mapping[str, Any], trials: pd.DataFrame) -> TunedRun:
    note = card["notes"]["tuning"]
    options = [json.loads(text) for text in trials["options"]]
    names = tuple(dict.fromkeys(key for each in options for key in each))
    complete = trials[trials["state"] == "complete"]
    best = complete.sort_values("validation_accuracy", ascending=False, kind="stable").head(SHOWN)
    return TunedRun(
        run=name,
        family=card["family"],
        ranges=tuple((option, range_text(values)) for option, values in note["ranges"].items()),
        chosen=", ".join(f"{key} = {plain_value(value)}" for key, value in note["chosen"].items()),
        best=percent(note["best_validation_accuracy"]),
        search=_search(note, card["tuning_seconds"]),
        names=names,
        trials=tuple(_trial(row, names) for row in best.to_dict("records")),
    )


def _trial(row: Mapping[Any, Any], names: tuple[str, ...]) -> Trial:
    options = json.loads(row["options"])
    return Trial(
        number=str(row["trial"]),
        options=tuple(plain_value(options[name]) if name in options else "–" for name in names),
        images=count(row["images"]),
        accuracy=percent(row["validation_accuracy"]),
        seconds=quantity(row["seconds"]),
    )


def _search(note: Mapping[str, Any], seconds: float) -> str:
    trials = f"{note['trials']} trial" + ("s" if note["trials"] != 1 else "")
    pruned = f", {note['pruned']} of them stopped early" if note["pruned"] else ""
    return f"{trials} on {count(note['images'])} training images{pruned}, in {duration(seconds)}"


def range_text(values: Mapping[str, Any]) -> str:
    """Write what was searched: ``0.1 to 100, by logarithm`` or ``one of none, scale``."""
    if "choices" in values:
        return f"one of {plain_value(values['choices'])}"
    scale = ", by logarithm" if values.get("log") else ""
    return f"{plain_value(values['low'])} to {plain_value(values['high'])}{scale}"
