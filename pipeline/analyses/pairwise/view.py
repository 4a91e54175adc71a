"""Which differences between two runs are significant, and how often two runs agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analyses.pairwise.table import TABLES
from pipeline.page.formats import count, p_value, points
from pipeline.page.study import StudyResults
from pipeline.page.table import Cell, Heading, cell, columns_of, heading, shown
from pipeline.page.view import View

TITLE = "Significant differences"
ABSENT = "name a second run under classical or deep in params.yaml"
INTERVALS = {"difference": ("ci_low", "ci_high")}
"""Column -> the ends of its interval."""


@dataclass(frozen=True)
class PairwiseGrid:
    """Every pair of runs."""

    table: pd.DataFrame
    """``pairwise.csv``."""
    runs: tuple[str, ...]
    """In the order of the accuracy table."""
    independent: bool
    """Whether the test images are independent samples; otherwise nothing is significant."""
    folds: int = 0
    """Folds of a cross-validation; 0 without one."""

    @property
    def sentence(self) -> str:
        """How many differences are significant, and which are not."""
        n = len(self.table)
        if not self.independent:
            return (
                "The test images are not independent samples, so the significance of the "
                f"{count(n)} differences cannot be tested; they are illustrative only."
            )
        found = int(self.table["holds"].sum())
        text = (
            f"{count(found) if found else 'None'} of {count(n)} differences "
            f"{'are' if found > 1 else 'is'} significant. A difference is significant if its 95% "
            f"interval ({self._methods[0]}) excludes 0 and {self._methods[1]} p < 0.05 after "
            "Holm’s correction for the number of pairs."
        )
        open_ = self.table[~self.table["holds"].astype(bool)]
        named = [f"{a} and {b}" for a, b in zip(open_["run_a"], open_["run_b"], strict=True)]
        if named and len(named) <= 6:
            text += f" Not significant: {'; '.join(named)}."
        return text

    @property
    def _methods(self) -> tuple[str, str]:
        if not self.folds:
            return "paired bootstrap", "McNemar’s exact test gives"
        return (
            f"paired bootstrap and corrected t-test over {self.folds} folds, the wider",
            "both McNemar’s exact test and the corrected t-test give",
        )

    @property
    def alt(self) -> str:
        """All pairs."""
        rows = self.table.to_dict("records")
        if len(rows) > 60:
            return f"{self.sentence} All pairs are in pairwise.csv."
        listed = "; ".join(
            f"{row['run_a']} minus {row['run_b']} {points(row['difference'])} points, "
            f"{p_value(row['p_holm'])}{'' if row['holds'] else ', not significant'}"
            for row in rows
        )
        return f"{self.sentence} {listed}."


def pairwise_grid(study: StudyResults) -> PairwiseGrid | None:
    """Take the pairs; None where the study has one run."""
    table = study.tables.get("pairwise")
    if table is None or table.empty:
        return None
    table = table.assign(holds=table["holds"].astype(bool))
    runs = tuple(run for run, _ in study.runs)
    return PairwiseGrid(table, runs, study.independent, study.folds)


@dataclass(frozen=True)
class Combination:
    """One row of ``combinations.csv``, as texts."""

    kind: str
    runs: str
    accuracy: float
    interval: str
    gain: str
    """Over the best run among them, in points, with its p value where it has one."""
    best: str


KINDS = {
    "oracle": "at least one correct",
    "mean": "mean of probabilities",
    "stack": "stacked",
}


@dataclass(frozen=True)
class Pair:
    """The row of a pair in the table."""

    runs: tuple[str, str]
    families: tuple[str, str]
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Pairwise(View):
    """All that is said about pairs of runs."""

    grid: PairwiseGrid
    headings: Mapping[str, Heading]
    rows: tuple[Pair, ...]
    agreement: pd.DataFrame
    """``agreement.csv``; empty where the study lacks it."""
    combinations: tuple[Combination, ...]


def view(study: StudyResults) -> Pairwise | None:
    """Compare the runs; None where the study has one run."""
    grid = pairwise_grid(study)
    if grid is None:
        return None
    columns = [
        column
        for column in shown(columns_of(TABLES, "pairwise").values(), grid.table)
        if column.name not in ("run_a", "run_b")
    ]
    rows = tuple(
        Pair(
            (str(row["run_a"]), str(row["run_b"])),
            (row["family_a"], row["family_b"]),
            {each.name: cell(each, row, INTERVALS.get(each.name)) for each in columns},
        )
        for row in grid.table.to_dict("records")
    )
    agreement = study.tables.get("agreement")
    headings = {column.name: heading(column) for column in columns}
    return Pairwise(
        grid=grid,
        headings=headings,
        rows=rows,
        agreement=pd.DataFrame() if agreement is None else agreement,
        combinations=tuple(combinations(study)),
    )


def combinations(study: StudyResults) -> list[Combination]:
    """Write what runs of different families reach together."""
    table = study.tables.get("combinations")
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
