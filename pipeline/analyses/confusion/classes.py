"""The scores of each class, and the most confused pairs, for the best run of each family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import percent
from pipeline.page.study import StudyResults


@dataclass(frozen=True)
class ClassScores:
    """The rows of ``per_class.csv`` of the families' best runs."""

    rows: pd.DataFrame
    """`run`, `family`, `class`, `precision`, `recall`, `f1`, `support`."""
    classes: tuple[str, ...]
    """The hardest first, by the mean F1 over the runs."""

    @property
    def alt(self) -> str:
        """The hardest and the easiest class of each run."""
        parts = []
        for run, table in self.rows.groupby("run", sort=False):
            ordered = table.sort_values("f1", kind="stable")
            hard, easy = (ordered.iloc[place] for place in (0, -1))
            if hard["f1"] == easy["f1"]:
                parts.append(f"{run}: {percent(hard['f1'])} in every class")
                continue
            parts.append(
                f"{run}: hardest {hard['class']} with {percent(hard['f1'])}, "
                f"easiest {easy['class']} with {percent(easy['f1'])}"
            )
        return f"F1 by class. {'; '.join(parts)}."


def class_scores(study: StudyResults) -> ClassScores:
    """Take the best run of each family."""
    table = study.tables["per_class"]
    best = {run: family for family, run in study.families_best.items()}
    rows = table[table["run"].isin(list(best))]
    rows = rows.assign(family=rows["run"].map(best))
    means = rows.groupby("class", sort=False)["f1"].mean().sort_values(kind="stable")
    return ClassScores(rows, tuple(means.index.astype(str)))


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes that a run confuses."""

    classes: tuple[str, str]
    predicted: tuple[tuple[int, str], tuple[int, str]]
    """How many images of the first are classified as the second, and its name; then the reverse."""
    share: float
    """Of all errors of the run."""


def confused_pairs(study: StudyResults, most: int = 5) -> list[tuple[str, str, list[ConfusedPair]]]:
    """Return (run, family, its most confused pairs), of the families' best runs."""
    table = study.tables.get("confused_pairs")
    if table is None:
        return []
    return [
        (
            str(run),
            str(part["family"].iloc[0]),
            [_pair(row) for row in part.head(most).to_dict("records")],
        )
        for run, part in table.groupby("run", sort=False)
    ]


def _pair(row: Mapping[Any, Any]) -> ConfusedPair:
    return ConfusedPair(
        classes=(str(row["class_a"]), str(row["class_b"])),
        predicted=((row["a_as_b"], str(row["class_b"])), (row["b_as_a"], str(row["class_a"]))),
        share=row["share"],
    )
