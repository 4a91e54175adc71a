"""The rows of the page's tables: results in, texts out, no markup."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.reporting.formats import count, digits, percent, points, quantity
from pipeline.reporting.pretraining import PRE_TRAINED, pretrained_runs
from pipeline.storage.results import Results, accuracy_with_costs


@dataclass(frozen=True)
class AccuracyRow:
    """One run in the accuracy table."""

    run: str
    family: str
    made_of: str
    """The method, and the feature sets that it was given: ``rbf_svm on hog + color``; and whether
    it has learnt from other images too."""
    best: bool
    """Whether it stands for its family: the best on the validation split."""
    test: str
    interval: str
    over_seeds: str
    """Sample standard deviation of the test accuracy: ``± 0.42 (n = 3)``; empty with one seed."""
    validation: str
    train: str
    gap: str
    """Training accuracy less test accuracy, in points."""
    macro_f1: str
    parameters: str
    train_seconds: str
    predict_ms: str
    seeds: str
    top2: str
    """Share of test images whose class is among the two likeliest; empty where it is not known."""
    unique: str
    """Test accuracy without near-duplicates; empty where it is not known."""
    values: Mapping[str, float]
    """What the columns sort by, and what the bar in the cell shows."""


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
    elsewhere = pretrained_runs(results)
    return [
        AccuracyRow(
            run=str(row["run"]),
            family=str(row["family"]),
            made_of=_made_of(row, elsewhere),
            best=row["run"] in best,
            test=percent(row["test_accuracy"]),
            interval=f"{points(row['test_ci_low'])} to {points(row['test_ci_high'])}",
            over_seeds=_over_seeds(row),
            validation=percent(row["validation_accuracy"]),
            train=percent(row["train_accuracy"]),
            gap=points(row["train_accuracy"] - row["test_accuracy"]),
            macro_f1=f"{row['macro_f1']:.3f}",
            parameters=count(row["parameters"]),
            train_seconds=quantity(row["train_seconds"]),
            predict_ms=quantity(row["predict_ms_per_image"]),
            seeds=_seeds(row["seeds"]),
            top2=_share(row.get("test_top2_accuracy")),
            unique=_share(row.get("test_accuracy_unique")),
            values=_values(row),
        )
        for row in accuracy_with_costs(results).to_dict("records")
    ]


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


def _made_of(row: Mapping[Any, Any], elsewhere: Mapping[str, str]) -> str:
    sets = f" on {row['features'].replace('+', ' + ')}" if row["features"] else ""
    return f"{row['method']}{sets}{f', {PRE_TRAINED}' if row['run'] in elsewhere else ''}"


def _over_seeds(row: Mapping[Any, Any]) -> str:
    n = len(str(row["seeds"]).split("+"))
    if n == 1 or math.isnan(row["test_seed_std"]):
        return ""
    return f"± {row['test_seed_std'] * 100:.2f} (n = {n})"


def _share(value: Any) -> str:
    return "" if value is None or math.isnan(value) else percent(value)


def _values(row: Mapping[Any, Any]) -> dict[str, float]:
    columns = {
        "test": "test_accuracy", "low": "test_ci_low", "high": "test_ci_high",
        "validation": "validation_accuracy", "train": "train_accuracy", "parameters": "parameters",
        "train_seconds": "train_seconds", "predict_ms": "predict_ms_per_image",
        "top2": "test_top2_accuracy", "unique": "test_accuracy_unique",
    }  # fmt: skip
    values = {name: float(digits(row[column])) for name, column in columns.items()
              if column in row}  # fmt: skip
    gap = float(digits(row["train_accuracy"] - row["test_accuracy"]))
    return {**values, "gap": gap, "seeds": len(str(row["seeds"]).split("+"))}


def _seeds(seeds: Any) -> str:
    return ", ".join(str(seeds).split("+"))
