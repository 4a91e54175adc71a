"""Is a run right as often as it says? What ``calibration.csv`` and ``reliability.csv`` tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import percent, points
from pipeline.storage.results import Results

STAGES = {"before": "as trained", "after": "after temperature scaling"}


@dataclass(frozen=True)
class Reliability:
    """One run's curve before and after temperature scaling."""

    run: str
    family: str
    rows: pd.DataFrame
    """`stage`, `low`, `high`, `n`, `confidence`, `accuracy`; bins without an image are left out."""
    before: float
    """Expected calibration error."""
    after: float

    @property
    def words(self) -> str:
        """The curve in a sentence."""
        return (
            f"Reliability of {self.run}: expected calibration error {points(self.before)} points "
            f"as trained, {points(self.after)} after temperature scaling."
        )


@dataclass(frozen=True)
class Calibration:
    """All runs."""

    table: pd.DataFrame
    """``calibration.csv``, in the order of the accuracy table."""
    curves: tuple[Reliability, ...]
    """Of the best run of each family."""
    accuracies: Mapping[str, float]
    """Run -> test accuracy of the seed that the table is of."""

    @property
    def records(self) -> list[dict[Any, Any]]:
        """The rows of the table."""
        return self.table.to_dict("records")

    @property
    def sentence(self) -> str:
        """Whose confidence is nearest to the truth as trained, and whose is furthest."""
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
            else f"Confidence is nearest to the truth in {first['run']}, by {near} points on "
            f"average, and furthest in {last['run']}, by {far} points{self._side(last)}"
        )
        return (
            f"{spread}. Temperature scaling, fitted on the validation images, brings {better} of "
            f"{len(rows)} runs nearer."
        )

    def _side(self, row: dict[Any, Any]) -> str:
        """Say whether a run is too sure on the test images, by its mean confidence as trained."""
        says, right = row["confidence_before"], self.accuracies.get(str(row["run"]))
        if right is None or points(says - right) == "0.0":
            return ""
        side = "too sure" if says > right else "not sure enough"
        return f", {side} (it says {percent(says)} on average, and {percent(right)} are right)"


def calibration(results: Results) -> Calibration | None:
    """Take the tables; None where no run has probabilities."""
    table, curves = (results.tables.get(name) for name in ("calibration", "reliability"))
    if table is None or curves is None or table.empty:
        return None
    accuracy = results.tables["accuracy"]
    order = {str(run): rank for rank, run in enumerate(accuracy["run"])}
    table = table.sort_values("run", key=lambda runs: runs.map(order), kind="stable")
    best = list(results.study["families_best"].values())
    found = []
    for row in table[table["run"].isin(best)].to_dict("records"):
        rows = curves[(curves["run"] == row["run"]) & (curves["n"] > 0)]
        found.append(
            Reliability(row["run"], row["family"], rows, row["ece_before"], row["ece_after"])
        )
    return Calibration(table, tuple(found), _accuracies(curves))


def _accuracies(curves: pd.DataFrame) -> dict[str, float]:
    """Add the bins of each run up again: the share of all its test images that it gets right."""
    bins = curves[(curves["stage"] == "before") & (curves["n"] > 0)]
    return {
        str(run): float((part["n"] * part["accuracy"]).sum() / part["n"].sum())
        for run, part in bins.groupby("run")
    }
