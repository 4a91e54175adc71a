"""What `evaluate` leaves for `report` and for people: the files of ``reports/study/``.

They stand apart from `pipeline.artefacts` so that a new table reruns no training: stages depend on
the formats that they write or read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.artefacts import STUDY, load_json, load_table, save_json, save_table

ACCURACY_COLUMNS = (
    "run", "family", "method", "features", "dataset", "seeds", "train_accuracy",
    "validation_accuracy", "test_accuracy", "test_ci_low", "test_ci_high", "macro_f1",
    "parameters", "train_seconds", "predict_ms_per_image", "n_test", "device",
)  # fmt: skip
PER_CLASS_COLUMNS = ("run", "class", "precision", "recall", "f1", "support")
CONFUSION_COLUMNS = ("run", "actual", "predicted", "count")
LEARNING_CURVE_COLUMNS = ("run", "seed", "x", "x_kind", "split", "metric", "value")
SAMPLE_COLUMNS = ("id", "image", "actual", "run", "family", "predicted", "correct")

RESULT_TABLES = {
    "accuracy": ACCURACY_COLUMNS,
    "per_class": PER_CLASS_COLUMNS,
    "confusion": CONFUSION_COLUMNS,
    "learning_curves": LEARNING_CURVE_COLUMNS,
    "samples": SAMPLE_COLUMNS,
}
"""Tables that `evaluate` writes to ``reports/study/<name>.csv``, and their columns."""


@dataclass(frozen=True)
class Results:
    """All that `evaluate` says, and all that `report` knows."""

    tables: Mapping[str, pd.DataFrame]
    """Name in `RESULT_TABLES` -> table."""
    metrics: dict[str, Any]
    """``metrics.json``: numbers by run, for ``dvc metrics show`` and ``dvc metrics diff``."""
    study: dict[str, Any]
    """``study.json``: the dataset card, the cards of all runs, comparisons, what was not run."""


def save_results(results: Results) -> None:
    """Write the results, each file atomically, after all of them have been computed."""
    for name, columns in RESULT_TABLES.items():
        save_table(STUDY / f"{name}.csv", results.tables[name][list(columns)])
    save_json(STUDY / "metrics.json", results.metrics)
    save_json(STUDY / "study.json", results.study)


def load_results(folder: Path = STUDY) -> Results:
    """Read the results of a study from its folder."""
    text = dict.fromkeys(("run", "class", "actual", "predicted", "features", "image"), str)
    tables = {
        name: load_table(folder / f"{name}.csv", "dvc repro evaluate", dtype=text)
        for name in RESULT_TABLES
    }
    tables["accuracy"]["features"] = tables["accuracy"]["features"].fillna("")
    return Results(
        tables=tables,
        metrics=load_json(folder / "metrics.json", "dvc repro evaluate"),
        study=load_json(folder / "study.json", "dvc repro evaluate"),
    )
