"""Calibration: whether the confidence of a run matches its accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analyses.calibration.table import TABLES
from pipeline.page.formats import percent, points
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, columns_of, runs_table, shown
from pipeline.page.view import View

TITLE = "Calibration"
ABSENT = "run dvc repro evaluate again: all runs with probabilities appear here"
INTERVALS = {
    "ece_before": ("ece_before_low", "ece_before_high"),
    "ece_after": ("ece_after_low", "ece_after_high"),
}
"""Column -> the ends of its interval."""
STAGES = {"before": "as trained", "after": "after temperature scaling"}


@dataclass(frozen=True)
class Reliability:
    """One run's curve before and after temperature scaling."""

    run: str
    family: str
    rows: pd.DataFrame
    """`stage`, `low`, `high`, `n`, `confidence`, `accuracy`, without empty bins."""
    before: float
    """Expected calibration error."""
    after: float

    @property
    def alt(self) -> str:
        """The curve in a sentence."""
        return (
            f"Reliability of {self.run}: expected calibration error {points(self.before)} points "
            f"as trained, {points(self.after)} after temperature scaling."
        )


@dataclass(frozen=True)
class Calibration(View):
    """All runs."""

    table: pd.DataFrame
    """``calibration.csv``, in the order of the accuracy table."""
    runs_table: RunsTable
    curves: tuple[Reliability, ...]
    """Of the best run of each family."""
    accuracies: Mapping[str, float]
    """Run -> test accuracy of the seed that the table describes."""

    @property
    def sentence(self) -> str:
        """Which run is calibrated best as trained, and which worst."""
        rows = self.table.sort_values("ece_before", kind="stable").to_dict("records")
        if len(rows) == 1:
            (row,) = rows
            off = points(row["ece_before"])
            return f"The confidence of {row['run']} is off by {off} points{self._side(row)}."
        first, last = rows[0], rows[-1]
        near, far = points(first["ece_before"]), points(last["ece_before"])
        better = sum(row["ece_after"] < row["ece_before"] for row in rows)
        spread = (
            f"Confidence is off by {near} points in every run"
            if near == far
            else f"{first['run']} is best calibrated: its confidence is off by {near} points on "
            f"average. {last['run']} is worst calibrated, off by {far} points{self._side(last)}"
        )
        return (
            f"{spread}. Temperature scaling, fitted on the validation images, improves {better} of "
            f"{len(rows)} runs."
        )

    def _side(self, row: dict[Any, Any]) -> str:
        """Say whether a run is overconfident on the test images, as trained."""
        confidence, accuracy = row["confidence_before"], self.accuracies.get(str(row["run"]))
        if accuracy is None or points(confidence - accuracy) == "0.0":
            return ""
        side = "overconfident" if confidence > accuracy else "underconfident"
        return f", and {side} (mean confidence {percent(confidence)}, accuracy {percent(accuracy)})"


def view(study: StudyResults) -> Calibration | None:
    """Write the tables; None where no run has probabilities."""
    table, curves = (study.tables.get(name) for name in ("calibration", "reliability"))
    if table is None or curves is None or table.empty:
        return None
    order = {run: rank for rank, (run, _) in enumerate(study.runs)}
    table = table.sort_values("run", key=lambda runs: runs.map(order), kind="stable")
    found = []
    for row in table[table["run"].isin(study.best)].to_dict("records"):
        rows = curves[(curves["run"] == row["run"]) & (curves["n"] > 0)]
        found.append(
            Reliability(row["run"], row["family"], rows, row["ece_before"], row["ece_after"])
        )
    columns = shown(columns_of(TABLES, "calibration").values(), table)
    rows = runs_table(columns, table.to_dict("records"), INTERVALS)
    return Calibration(table, rows, tuple(found), _accuracies(curves))


def _accuracies(curves: pd.DataFrame) -> dict[str, float]:
    """Add up the bins of each run: the share of its test images that it classifies correctly."""
    bins = curves[(curves["stage"] == "before") & (curves["n"] > 0)]
    return {
        str(run): float((part["n"] * part["accuracy"]).sum() / part["n"].sum())
        for run, part in bins.groupby("run")
    }
