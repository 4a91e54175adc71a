"""The rows of the page's tables: results in, texts out, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.reporting.formats import count, percent, plain_value, points, quantity
from pipeline.results import Results


@dataclass(frozen=True)
class AccuracyRow:
    """One run in the accuracy table."""

    run: str
    family: str
    made_of: str
    """The method, and the feature sets that it was given: ``rbf_svm on hog + color``."""
    best: bool
    """Whether it stands for its family: the best on the validation split."""
    test: str
    interval: str
    validation: str
    train: str
    gap: str
    """Training accuracy less test accuracy, in points."""
    macro_f1: str
    parameters: str
    train_seconds: str
    predict_ms: str
    seeds: str


@dataclass(frozen=True)
class RunFacts:
    """What a run was, and what it ran on."""

    run: str
    family: str
    method: str
    options: tuple[tuple[str, str], ...]
    seeds: str
    spread: str
    """Test accuracies of the seeds, lowest to highest; empty with one seed."""
    engine: str
    device: str
    train_seconds: str
    stage_seconds: str
    """Of all seeds together."""
    peak_memory: str
    notes: tuple[tuple[str, str], ...]
    """Of the first seed."""


@dataclass(frozen=True)
class Answer:
    """What one run said about one image."""

    predicted: str
    correct: bool


@dataclass(frozen=True)
class SampleTable:
    """Some sample images side by side, with the answer of each run."""

    images: tuple[tuple[str, str], ...]
    """(path relative to the report, actual class)."""
    rows: tuple[tuple[str, str, tuple[Answer, ...]], ...]
    """(run, family, an answer an image)."""


def accuracy_rows(results: Results) -> list[AccuracyRow]:
    """Write the accuracy table, in its order."""
    best = set(results.study["families_best"].values())
    return [
        AccuracyRow(
            run=str(row["run"]),
            family=str(row["family"]),
            made_of=_made_of(str(row["method"]), row["features"]),
            best=row["run"] in best,
            test=percent(row["test_accuracy"]),
            interval=f"{points(row['test_ci_low'])} to {points(row['test_ci_high'])}",
            validation=percent(row["validation_accuracy"]),
            train=percent(row["train_accuracy"]),
            gap=points(row["train_accuracy"] - row["test_accuracy"]),
            macro_f1=f"{row['macro_f1']:.3f}",
            parameters=count(row["parameters"]),
            train_seconds=quantity(row["train_seconds"]),
            predict_ms=quantity(row["predict_ms_per_image"]),
            seeds=_seeds(row["seeds"]),
        )
        for row in results.tables["accuracy"].to_dict("records")
    ]


def run_facts(results: Results) -> list[RunFacts]:
    """Write what each run was, from its cards, in the order of the accuracy table."""
    facts = []
    for run in results.tables["accuracy"]["run"]:
        cards = list(results.study["cards"][run].values())
        card = cards[0]
        tested = [each["test"] for each in results.study["accuracy_by_seed"][run].values()]
        facts.append(
            RunFacts(
                run=str(run),
                family=card["family"],
                method=card["method"],
                options=_pairs(card["options"], leave_out=("method", "features", "seeds", "tune")),
                seeds=", ".join(str(each["seed"]) for each in cards),
                spread=f"{points(min(tested))} to {percent(max(tested))}" if tested[1:] else "",
                engine=card["engine"],
                device=card["device"],
                train_seconds=quantity(sum(each["train_seconds"] for each in cards) / len(cards)),
                stage_seconds=quantity(sum(each["stage_seconds"] for each in cards)),
                peak_memory=count(max(each["peak_memory_mb"] for each in cards)),
                notes=_notes(card["notes"]),
            )
        )
    return facts


def sample_tables(results: Results) -> dict[str, SampleTable]:
    """Write the sample images: ``drawn`` and ``disagreeing``, each only where it has images."""
    table = results.tables["samples"]
    found = {}
    for name, ids in results.study["samples"].items():
        images = [table[table["id"] == id_] for id_ in ids]
        if not images:
            continue
        rows = []
        for run, family in zip(images[0]["run"], images[0]["family"], strict=True):
            answers = [image[image["run"] == run].iloc[0] for image in images]
            said = tuple(Answer(str(a["predicted"]), bool(a["correct"])) for a in answers)
            rows.append((str(run), str(family), said))
        shown = tuple((str(i["image"].iloc[0]), str(i["actual"].iloc[0])) for i in images)
        found[name] = SampleTable(shown, tuple(rows))
    return found


def _made_of(method: str, features: Any) -> str:
    return f"{method} on {features.replace('+', ' + ')}" if features else method


def _seeds(seeds: Any) -> str:
    return ", ".join(str(seeds).split("+"))


def _notes(notes: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Write the notes of a card; a search for options has a section of its own."""
    found = _pairs(notes, leave_out=("tuning",))
    return tuple((key.replace("_", " "), value) for key, value in found)


def _pairs(
    record: Mapping[str, Any], leave_out: tuple[str, ...] = ()
) -> tuple[tuple[str, str], ...]:
    return tuple((key, plain_value(value)) for key, value in record.items() if key not in leave_out)
