"""Accuracy against cost: which runs no other run beats in both."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.formats import percent, quantity
from pipeline.storage.results import Results

MEASURES = {
    "train_seconds": ("frontier_train", "Training", "seconds of training, from pixels on"),
    "predict_ms_per_image": (
        "frontier_predict",
        "Predicting",
        "milliseconds an image, from pixels on",
    ),
    "multiply_adds": ("frontier_multiply_adds", "Arithmetic", "multiply–adds an image"),
    "parameters": ("frontier_parameters", "Size", "numbers in the model"),
}
"""Column of ``cost.csv`` -> the one that tells who is on its frontier; what it is of; the unit."""


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
    cost = results.tables.get("cost")
    if cost is None:
        return []
    accuracy = results.tables["accuracy"]
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
