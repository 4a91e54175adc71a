"""Accuracy against cost: the runs on the Pareto frontier, and what each run costs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.analyses.cost.table import TABLES
from pipeline.page.formats import duration, percent, quantity
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, columns_of, runs_table, shown
from pipeline.page.view import View

TITLE = "Cost"
ABSENT = "name a second run under classical or deep in params.yaml"
MEASURES = {
    "train_seconds": ("frontier_train", "Training", "training time in seconds"),
    "predict_ms_per_image": ("frontier_predict", "Prediction", "milliseconds per image"),
    "multiply_adds": ("frontier_multiply_adds", "Arithmetic", "multiply-adds per image"),
    "parameters": ("frontier_parameters", "Size", "parameters of the model"),
}
"""Column of ``cost.csv`` -> the column that says who is on its frontier; title; unit."""


@dataclass(frozen=True)
class Frontier:
    """All runs by one measure of cost."""

    measure: str
    title: str
    unit: str
    rows: pd.DataFrame
    """`run`, `family`, `accuracy`, `low`, `high`, `cost` and `best`: on the frontier."""

    @property
    def alt(self) -> str:
        """The runs on the frontier, the cheapest first."""
        best = self.rows[self.rows["best"]].sort_values("cost")
        named = "; ".join(
            f"{row['run']} {percent(row['accuracy'])} at {quantity(row['cost'])}"
            for row in best.to_dict("records")
        )
        return f"Test accuracy by {self.unit}. Runs on the Pareto frontier: {named}."


@dataclass(frozen=True)
class Cost(View):
    """All measures of cost."""

    frontiers: tuple[Frontier, ...]
    runs_table: RunsTable
    """In the order of the accuracy table."""
    stages: str
    """How long the runs' stages took together."""


def view(study: StudyResults) -> Cost | None:
    """Lay out ``cost.csv``; None where no measure has two runs to compare."""
    found = frontiers(study)
    if not found:
        return None
    table = study.tables["cost"].set_index("run", drop=False)
    columns = shown(columns_of(TABLES, "cost").values(), table)
    rows = table.loc[[run for run, _ in study.runs]].to_dict("records")
    took = duration(float(table["stage_seconds"].sum()))
    return Cost(tuple(found), runs_table(columns, rows), took)


def frontiers(study: StudyResults) -> list[Frontier]:
    """Select every measure of cost that is above 0 for at least two runs."""
    cost = study.tables.get("cost")
    if cost is None:
        return []
    accuracy = study.tables["accuracy"]
    table = accuracy.merge(cost.drop(columns=["family", "test_accuracy"]), on="run", how="left",
                           suffixes=("_of_accuracy", ""))  # fmt: skip
    found = []
    for measure, (said, title, unit) in MEASURES.items():
        rows = pd.DataFrame(
            {
                "run": table["run"].astype(str),
                "family": table["family"],
                "accuracy": table["test_accuracy"],
                "low": table["test_ci_low"],
                "high": table["test_ci_high"],
                "cost": table[measure].astype(float),
                "best": table[said].eq(True),
            }
        )
        rows = rows[rows["cost"] > 0].reset_index(drop=True)
        if len(rows) > 1:
            found.append(Frontier(measure, title, unit, rows))
    return found
