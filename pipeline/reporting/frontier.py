"""Accuracy against cost: which runs no other run beats in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.formats import percent, quantity
from pipeline.results import Results

MEASURES = {
    "train_seconds": ("Training", "seconds of training, from pixels on"),
    "predict_ms_per_image": ("Predicting", "milliseconds an image, from pixels on"),
    "multiply_adds": ("Arithmetic", "multiply–adds an image"),
    "parameters": ("Size", "numbers in the model"),
}
"""Column -> what it is of, and the unit."""
SAID = {
    "train_seconds": "frontier_train",
    "predict_ms_per_image": "frontier_predict",
    "multiply_adds": "frontier_multiply_adds",
}
"""Measure -> the column of ``cost.csv`` that says which runs are on the frontier."""


@dataclass(frozen=True)
class Frontier:
    """All runs by one measure of cost."""

    measure: str
    title: str
    unit: str
    rows: pd.DataFrame
    """`run`, `family`, `accuracy`, `low`, `high`, `cost` and `best`: on the frontier."""

    @property
    def words(self) -> str:
        """Name the runs on the frontier, the cheapest first."""
        best = self.rows[self.rows["best"]].sort_values("cost")
        named = "; ".join(
            f"{row['run']} {percent(row['accuracy'])} at {quantity(row['cost'])}"
            for row in best.to_dict("records")
        )
        return f"{self.title}, {self.unit}. No run is both cheaper and more accurate than: {named}."


def frontiers(results: Results) -> list[Frontier]:
    """Sort out every measure of cost that at least two runs have, above 0."""
    accuracy = results.tables["accuracy"].set_index("run")
    cost = results.tables.get("cost")
    tables = [accuracy] if cost is None else [cost.set_index("run"), accuracy]
    found = []
    for measure, (title, unit) in MEASURES.items():
        table = next((each for each in tables if measure in each), None)
        if table is None:
            continue
        said = table[SAID[measure]].astype(bool) if SAID.get(measure) in table else None
        rows = _rows(accuracy, _by_run(table[measure].astype(float)), said)
        if len(rows) > 1:
            found.append(Frontier(measure, title, unit, rows))
    return found


def _by_run(values: pd.Series) -> dict[str, float]:
    return {str(run): float(value) for run, value in values.items()}


def _rows(
    accuracy: pd.DataFrame, costs: Mapping[str, float], said: pd.Series | None
) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "run": accuracy.index.astype(str),
            "family": accuracy["family"].to_numpy(),
            "accuracy": accuracy["test_accuracy"].to_numpy(),
            "low": accuracy["test_ci_low"].to_numpy(),
            "high": accuracy["test_ci_high"].to_numpy(),
            "cost": [costs.get(run, float("nan")) for run in accuracy.index],
        }
    )
    rows = rows[rows["cost"] > 0].reset_index(drop=True)
    if said is not None:
        return rows.assign(best=rows["run"].map(said.to_dict()).astype(bool))
    beaten = [
        ((rows["cost"] < row["cost"]) & (rows["accuracy"] >= row["accuracy"])).any()
        or ((rows["cost"] <= row["cost"]) & (rows["accuracy"] > row["accuracy"])).any()
        for row in rows.to_dict("records")
    ]
    return rows.assign(best=[not each for each in beaten])
