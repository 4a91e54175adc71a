"""The options of each run, and what it ran on: cards in, texts out, no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.analyses.setup.trainings import checks_before, is_shown, training_pairs
from pipeline.page.formats import count, percent, plain_value, points, quantity
from pipeline.page.study import StudyResults

_Pairs = tuple[tuple[str, str], ...]
NOT_OPTIONS = ("method", "features", "seeds", "tune")
FEW = 2
"""With at most so many networks, each shows all of its options."""


@dataclass(frozen=True)
class RunFacts:
    """One run, and what it ran on."""

    run: str
    family: str
    method: str
    options: _Pairs
    """Without `shared_options`."""
    seeds: str
    accuracies: str
    """Test accuracies of the seeds, in order; empty with one seed."""
    training: _Pairs
    """Epochs, times and learning rate of a network; empty for others."""
    checks: _Pairs
    """The checks before training, where the card has them; of the first seed."""
    engine: str
    device: str
    stage_seconds: str
    """Of all seeds together."""
    peak_memory: str
    notes: _Pairs
    """Of the first seed, without those that are shown elsewhere."""


def run_facts(study: StudyResults) -> list[RunFacts]:
    """Describe each run by its cards, in the order of the accuracy table."""
    shared = dict(shared_options(study))
    curves = study.tables["learning_curves"]
    facts = []
    for run, _ in study.runs:
        cards = list(study.record["cards"][run].values())
        card = cards[0]
        deep = card["family"] == "deep"
        facts.append(
            RunFacts(
                run=run,
                family=card["family"],
                method=card["method"],
                options=_options(card, shared if deep else {}),
                seeds=", ".join(str(each["seed"]) for each in cards),
                accuracies=_accuracies(study, run),
                training=training_pairs(cards, curves[curves["run"] == run]) if deep else (),
                checks=checks_before(card["notes"]),
                engine=card["engine"],
                device=card["device"],
                stage_seconds=quantity(sum(each["stage_seconds"] for each in cards)),
                peak_memory=count(max(each["peak_memory_mb"] for each in cards)),
                notes=_notes(card["notes"]),
            )
        )
    return facts


def shared_options(study: StudyResults) -> _Pairs:
    """Return the options that have the same value for all networks of the study.

    There are some forty, which would hide the differences. Empty with `FEW` networks or fewer.
    """
    cards = [next(iter(seeds.values())) for seeds in study.record["cards"].values()]
    networks = [card["options"] for card in cards if card["family"] == "deep"]
    if len(networks) <= FEW:
        return ()
    first = networks[0]
    same = {
        name: value
        for name, value in first.items()
        if all(name in each and each[name] == value for each in networks)
    }
    return _pairs(same, leave_out=NOT_OPTIONS)


def _options(card: Mapping[str, Any], shared: Mapping[str, str]) -> _Pairs:
    return _pairs(card["options"], leave_out=(*NOT_OPTIONS, *shared))


def _accuracies(study: StudyResults, run: str) -> str:
    """Write the seeds' test accuracies: ``70.1, 69.8 and 70.4%``; nothing for one seed."""
    tested = [each["test"] for each in study.record["accuracy_by_seed"][run].values()]
    if len(tested) == 1:
        return ""
    return f"{', '.join(points(each) for each in tested[:-1])} and {percent(tested[-1])}"


def _notes(notes: Mapping[str, Any]) -> _Pairs:
    """Write the notes of a card; tuning has its own section, and folds are the same for all."""
    found = _pairs(notes, leave_out=("tuning", "folds", *filter(is_shown, notes)))
    return tuple((key.replace("_", " "), value) for key, value in found)


def _pairs(record: Mapping[str, Any], leave_out: Sequence[str] = ()) -> _Pairs:
    return tuple(
        (key, "not set" if value is None else plain_value(value))
        for key, value in record.items()
        if key not in leave_out
    )
