"""The accuracy table on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analyses.accuracy.augmented_view import Augmented, augmented
from pipeline.analyses.accuracy.table import TABLES
from pipeline.analyses.tables import tables
from pipeline.page.formats import digits, percent, points
from pipeline.page.study import Majority, StudyResults
from pipeline.page.table import Cell, Heading, cell, columns_of, heading, shown
from pipeline.page.view import View
from pipeline.storage.columns import Column
from pipeline.storage.results import accuracy_with_costs

TITLE = "Accuracy"
ABSENT = ""
GAP = Column(
    "generalization_gap",
    "The generalization gap: training accuracy minus test accuracy, in percentage points.",
    title="Train \u2212\u00a0test",  # the generalization gap, in a column of two lines
    format="points",
    shown=True,
)
BALANCED = ("validation_balanced_accuracy", "test_balanced_accuracy")
"""Shown where choices go by them; elsewhere they are nearly the accuracies."""
INTERVALS = {
    "test_balanced_accuracy": ("test_balanced_ci_low", "test_balanced_ci_high"),
    "macro_f1": ("macro_f1_ci_low", "macro_f1_ci_high"),
}
"""Column -> the ends of its interval."""
FROM_COST = ("train_seconds", "predict_ms_per_image")
"""Columns of ``cost.csv`` that this table shows as well."""
_ABSENT_FAMILIES = {
    "classical": ("A classical run", "name one under classical in params.yaml"),
    "deep": ("A network", "name one under deep in params.yaml"),
}


@dataclass(frozen=True)
class AccuracyRow:
    """One run in the table."""

    run: str
    family: str
    made_of: str
    """The method and its feature sets, such as ``rbf_svm on hog + color``; ``pretrained`` where its
    weights are."""
    best: bool
    """Whether it is the best of its family on the validation split."""
    test: str
    interval: str
    over_seeds: str
    """Sample standard deviation of the test accuracy: ``± 0.42 (n = 3)``; empty with one seed."""
    cells: Mapping[str, Cell]
    """Column -> cell, for all other columns that are shown."""
    values: Mapping[str, str]
    """``test``, ``low`` and ``high``: what the bar in the cell shows."""


@dataclass(frozen=True)
class Accuracy(View):
    """All runs, the best on the validation images first."""

    table: pd.DataFrame
    """``accuracy.csv``."""
    headings: Mapping[str, Heading]
    """Of `AccuracyRow.cells`."""
    rows: tuple[AccuracyRow, ...]
    majority: Majority
    sorted_by: str
    """The column that the runs are sorted by."""
    missing_families: tuple[str, ...]
    augmented: Augmented | None
    """The runs with test-time augmentation; None where there are none."""

    @property
    def families(self) -> list[str]:
        """Families, in the order of the table."""
        return list(dict.fromkeys(row.family for row in self.rows))

    @property
    def seeded(self) -> bool:
        """Whether a run has several seeds."""
        return any(row.over_seeds for row in self.rows)

    @property
    def absent(self) -> Mapping[str, str]:
        """Families of which the study has no run."""
        return dict(_ABSENT_FAMILIES[family] for family in self.missing_families)

    @property
    def alt(self) -> str:
        """The accuracies of all runs."""
        listed = "; ".join(
            f"{row['run']} ({row['family']}) {percent(row['test_accuracy'])}, "
            f"{percent(row['test_ci_low'])} to {percent(row['test_ci_high'])}"
            for row in self.table.to_dict("records")
        )
        floor = f"{self.majority.phrase[:1].upper()}{self.majority.phrase[1:]}"
        return (
            f"Test accuracy with 95% intervals: {listed}. {floor}: {percent(self.majority.share)}."
        )


def view(study: StudyResults) -> Accuracy:
    """Write the table, in its order."""
    table = accuracy_with_costs(study.results)
    table = table.assign(**{GAP.name: table["train_accuracy"] - table["test_accuracy"]})
    cost = columns_of(tables(), "cost")
    balanced = study.chosen_by != "accuracy"
    own = [
        column
        for column in shown(columns_of(TABLES, "accuracy").values(), table)
        if balanced or column.name not in BALANCED
    ]
    columns = [*own, GAP, *(cost[name] for name in FROM_COST)]
    return Accuracy(
        table=table,
        headings={column.name: heading(column) for column in columns},
        rows=tuple(_row(study, row, columns) for row in table.to_dict("records")),
        majority=study.majority,
        sorted_by=BALANCED[0] if balanced else "validation_accuracy",
        missing_families=tuple(f for f in _ABSENT_FAMILIES if f not in study.families_best),
        augmented=augmented(study),
    )


def _row(study: StudyResults, row: Mapping[Any, Any], columns: list[Column]) -> AccuracyRow:
    ends = {"test": "test_accuracy", "low": "test_ci_low", "high": "test_ci_high"}
    return AccuracyRow(
        run=str(row["run"]),
        family=str(row["family"]),
        made_of=_made_of(study, row),
        best=row["run"] in study.best,
        test=percent(row["test_accuracy"]),
        interval=f"{points(row['test_ci_low'])} to {points(row['test_ci_high'])}",
        over_seeds=_over_seeds(row),
        cells={each.name: cell(each, row, INTERVALS.get(each.name)) for each in columns},
        values={name: digits(row[column]) for name, column in ends.items()},
    )


def _made_of(study: StudyResults, row: Mapping[Any, Any]) -> str:
    sets = f" on {row['features'].replace('+', ' + ')}" if row["features"] else ""
    return f"{row['method']}{sets}{', pretrained' if row['run'] in study.pretrained else ''}"


def _over_seeds(row: Mapping[Any, Any]) -> str:
    n = len(str(row["seeds"]).split("+"))
    if n == 1 or math.isnan(row["test_seed_std"]):
        return ""
    return f"± {row['test_seed_std'] * 100:.2f} (n = {n})"
