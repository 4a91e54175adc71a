"""Which options were searched for a run, which were chosen, and at what cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import (
    MISSING,
    count,
    duration,
    is_missing,
    percent,
    plain_value,
    quantity,
)
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Tuning"
ABSENT = "give a run options to search under tune in params.yaml"
SHOWN = 5
"""Trials of each run on the page; all are in ``tuning.csv``."""


@dataclass(frozen=True)
class Trial:
    """One row of a run's best trials."""

    number: str
    options: tuple[str, ...]
    """In the order of `TunedRun.names`."""
    images: str
    epochs: str
    accuracy: str
    seconds: str


@dataclass(frozen=True)
class TunedRun:
    """The search of a run; with several seeds, the first searches for all."""

    run: str
    family: str
    ranges: tuple[tuple[str, str], ...]
    """(option, its range)."""
    chosen: str
    """``C = 5, gamma = 0.3``."""
    best: str
    """What the choice reached on validation images in the search: ``accuracy 71.2%``."""
    search: str
    """Trials, training images, epochs, how many were stopped early or diverged, and time."""
    names: tuple[str, ...]
    """Options in which trials differ."""
    has_epochs: bool
    """Whether it is a network, whose trials have epochs."""
    trials: tuple[Trial, ...]
    """The `SHOWN` best complete ones by validation accuracy, the earliest first among equals."""


@dataclass(frozen=True)
class Tuning(View):
    """All searches."""

    runs: tuple[TunedRun, ...]
    """In the order of the accuracy table."""


def view(study: StudyResults) -> Tuning | None:
    """Collect the searches; None where nothing was tuned."""
    table = study.tables["tuning"]
    found = []
    for run, _ in study.runs:
        for seed, card in study.record["cards"][run].items():
            trials = table[(table["run"] == run) & (table["seed"] == int(seed))]
            if len(trials):
                found.append(_tuned(run, card, trials))
    return Tuning(tuple(found)) if found else None


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
        best=f"{note.get('chosen_by', 'accuracy')} {percent(note['best_validation_accuracy'])}",
        search=_search(note, card["tuning_seconds"]),
        names=names,
        has_epochs=bool((trials["epochs"] > 0).any()),
        trials=tuple(_trial(row, names) for row in best.to_dict("records")),
    )


def _trial(row: Mapping[Any, Any], names: tuple[str, ...]) -> Trial:
    options = json.loads(row["options"])
    return Trial(
        number=str(row["trial"]),
        options=tuple(plain_value(options[name]) if name in options else "–" for name in names),
        images=count(row["images"]),
        epochs=MISSING if is_missing(row["epochs"]) else count(row["epochs"]),
        accuracy=percent(row["validation_accuracy"]),
        seconds=quantity(row["seconds"]),
    )


def _search(note: Mapping[str, Any], seconds: float) -> str:
    trials = f"{note['trials']} trial" + ("s" if note["trials"] != 1 else "")
    epochs = f" for up to {note['epochs']} epochs" if note.get("epochs") else ""
    lost = [
        *([f"{note['pruned']} stopped early"] if note["pruned"] else []),
        *([f"{note['diverged']} diverged"] if note.get("diverged") else []),
    ]
    ended = f" ({', '.join(lost)})" if lost else ""
    return (
        f"{trials}{ended} on {count(note['images'])} training images{epochs}, in "
        f"{duration(seconds)}"
    )


def range_text(values: Mapping[str, Any]) -> str:
    """Write a range: ``0.1 to 100, logarithmic`` or ``one of none, scale``."""
    if "choices" in values:
        return f"one of {plain_value(values['choices'])}"
    scale = " (log scale)" if values.get("log") else ""
    return f"{plain_value(values['low'])} to {plain_value(values['high'])}{scale}"
