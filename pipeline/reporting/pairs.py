"""Which differences between two runs hold, and how far two runs say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import count, p_value, points
from pipeline.storage.results import Results


@dataclass(frozen=True)
class PairwiseGrid:
    """Every pair of runs."""

    table: pd.DataFrame
    """``pairwise.csv``."""
    runs: tuple[str, ...]
    """In the order of the accuracy table."""
    independent: bool
    """Whether the test images are independent draws, without which nothing can hold."""

    @property
    def records(self) -> list[dict[Any, Any]]:
        """The rows of the table."""
        return self.table.to_dict("records")

    @property
    def holding(self) -> int:
        """Pairs whose difference holds."""
        return int(self.table["holds"].sum())

    @property
    def sentence(self) -> str:
        """How many differences hold, and which neighbours in the table nothing separates."""
        n = len(self.table)
        if not self.independent:
            return (
                f"The test images are no independent draws, so that none of the {count(n)} "
                "differences can be said to hold; they show how a study reads."
            )
        text = (
            f"{count(self.holding) if self.holding else 'None'} of {count(n)} differences "
            f"{'hold' if self.holding > 1 else 'holds'}. A difference holds where its 95 % "
            "interval (paired bootstrap) leaves out 0 and McNemar’s exact test, after Holm’s "
            "correction for the number of pairs, finds p < 0.05."
        )
        open_ = self.table[~self.table["holds"].astype(bool)]
        named = [f"{a} and {b}" for a, b in zip(open_["run_a"], open_["run_b"], strict=True)]
        if named and len(named) <= 6:
            text += f" Not separated: {'; '.join(named)}."
        return text

    @property
    def words(self) -> str:
        """All pairs, for those who do not see the grid."""
        rows = self.table.to_dict("records")
        if len(rows) > 60:
            return f"{self.sentence} All pairs stand in pairwise.csv."
        told = "; ".join(
            f"{row['run_a']} less {row['run_b']} {points(row['difference'])} points, "
            f"{p_value(row['p_holm'])}{'' if row['holds'] else ', not separated'}"
            for row in rows
        )
        return f"{self.sentence} {told}."


def pairwise_grid(results: Results) -> PairwiseGrid | None:
    """Take the pairs; None where the study has one run."""
    table = results.tables.get("pairwise")
    if table is None or table.empty:
        return None
    table = table.assign(holds=table["holds"].astype(bool))
    runs = tuple(map(str, results.tables["accuracy"]["run"]))
    independent = bool(results.study["dataset"].get("independent", True))
    return PairwiseGrid(table, runs, independent)


@dataclass(frozen=True)
class Combination:
    """One row of ``combinations.csv``, as texts."""

    kind: str
    runs: str
    accuracy: float
    interval: str
    gain: str
    """Against the best run among them, in points, with its p value where it has one."""
    best: str


KINDS = {
    "oracle": "at least one right",
    "mean": "mean of probabilities",
    "stack": "stacked",
}


def combinations(results: Results) -> list[Combination]:
    """Write what runs of different families reach together."""
    table = results.tables.get("combinations")
    if table is None or table.empty:
        return []
    return [_combination(row) for row in table.to_dict("records")]


def _combination(row: dict[Any, Any]) -> Combination:
    p = row["p_value"]
    tested = "" if pd.isna(p) else f" ({p_value(p)})"
    sign = "+" if row["difference"] > 0 else ""
    return Combination(
        kind=KINDS.get(row["kind"], str(row["kind"])),
        runs=str(row["runs"]).replace("+", " + "),
        accuracy=row["accuracy"],
        interval=f"{points(row['ci_low'])} to {points(row['ci_high'])}",
        gain=f"{sign}{points(row['difference'])}{tested}",
        best=str(row["best_single"]),
    )
