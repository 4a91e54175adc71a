"""Is a run right as often as it says? What ``calibration.csv`` and ``reliability.csv`` tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import percent, points
from pipeline.results import Results

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
            return f"{row['run']} is off by {off} points on average, {_side(row)}."
        first, last = rows[0], rows[-1]
        better = sum(row["ece_after"] < row["ece_before"] for row in rows)
        return (
            f"Confidence is nearest to the truth in {first['run']}, by "
            f"{points(first['ece_before'])} points on average, and furthest in {last['run']}, by "
            f"{points(last['ece_before'])} points, {_side(last)}. Temperature scaling, fitted on "
            f"the validation images, brings {better} of {len(rows)} runs nearer."
        )


def _side(row: dict[Any, Any]) -> str:
    side = "too sure" if row["temperature"] > 1 else "not sure enough"
    return f"{side} (it says {percent(row['confidence_before'])} on average)"


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
    return Calibration(table, tuple(found))
