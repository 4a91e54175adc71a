"""What each run was and what it ran on: cards in, texts out, no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.reporting.formats import count, percent, plain_value, points, quantity
from pipeline.reporting.trainings import checks_before, is_told, training_pairs
from pipeline.storage.results import Results

_Pairs = tuple[tuple[str, str], ...]
NOT_OPTIONS = ("method", "features", "seeds", "tune")
FEW = 2
"""Up to so many networks, each shows all of its options."""


@dataclass(frozen=True)
class RunFacts:
    """What a run was, and what it ran on."""

    run: str
    family: str
    method: str
    options: _Pairs
    """Without those that `shared_options` tells."""
    seeds: str
    accuracies: str
    """Test accuracies of the seeds, in their order; empty with one seed."""
    training: _Pairs
    """Of a network: epochs, times, learning rate; empty of others."""
    checks: _Pairs
    """What was checked before training, where the card has it; of the first seed."""
    engine: str
    device: str
    train_seconds: str
    stage_seconds: str
    """Of all seeds together."""
    peak_memory: str
    notes: _Pairs
    """Of the first seed, without those that stand elsewhere."""


def run_facts(results: Results) -> list[RunFacts]:
    """Write what each run was, from its cards, in the order of the accuracy table."""
    shared = dict(shared_options(results))
    curves = results.tables["learning_curves"]
    facts = []
    for run in results.tables["accuracy"]["run"]:
        cards = list(results.study["cards"][run].values())
        card = cards[0]
        deep = card["family"] == "deep"
        facts.append(
            RunFacts(
                run=str(run),
                family=card["family"],
                method=card["method"],
                options=_options(card, shared if deep else {}),
                seeds=", ".join(str(each["seed"]) for each in cards),
                accuracies=_accuracies(results, str(run)),
                training=training_pairs(cards, curves[curves["run"] == run]) if deep else (),
                checks=checks_before(card["notes"]),
                engine=card["engine"],
                device=card["device"],
                train_seconds=quantity(sum(each["train_seconds"] for each in cards) / len(cards)),
                stage_seconds=quantity(sum(each["stage_seconds"] for each in cards)),
                peak_memory=count(max(each["peak_memory_mb"] for each in cards)),
                notes=_notes(card["notes"]),
            )
        )
    return facts


def shared_options(results: Results) -> _Pairs:
    """Return the options that all networks of the study have, with one value for all of them.

    They share some forty, which would hide what sets a network apart. Empty with `FEW` networks.
    """
    cards = [next(iter(seeds.values())) for seeds in results.study["cards"].values()]
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


def _accuracies(results: Results, run: str) -> str:
    """Write the seeds' test accuracies: ``70.1, 69.8 and 70.4 %``; nothing of one seed."""
    tested = [each["test"] for each in results.study["accuracy_by_seed"][run].values()]
    if len(tested) == 1:
        return ""
    return f"{', '.join(points(each) for each in tested[:-1])} and {percent(tested[-1])}"


def _notes(notes: Mapping[str, Any]) -> _Pairs:
    """Write the notes of a card; a search for options has a section of its own."""
    found = _pairs(notes, leave_out=("tuning", *filter(is_told, notes)))
    return tuple((key.replace("_", " "), value) for key, value in found)


def _pairs(record: Mapping[str, Any], leave_out: Sequence[str] = ()) -> _Pairs:
    return tuple((key, plain_value(value)) for key, value in record.items() if key not in leave_out)
