"""ROC and precision-recall curves of two classes, their areas, and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.analyses.two_classes.table import TABLES
from pipeline.page.formats import count, decimal, number, percent
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, columns_of, runs_table, shown
from pipeline.page.view import View

TITLE = "Finding one of two classes"
ABSENT = ""
_INTERVALS = {
    name: (f"{name}_ci_low", f"{name}_ci_high")
    for name in ("auc", "average_precision", "precision", "recall", "false_alarm_rate")
}


@dataclass(frozen=True)
class Rule:
    """Thresholds of all runs, chosen in one way."""

    title: str
    anchor: str
    runs_table: RunsTable


@dataclass(frozen=True)
class TwoClasses(View):
    """All runs of a study of two classes."""

    positive: str
    n_positive: int
    n_test: int
    areas: pd.DataFrame
    runs_table: RunsTable
    rules: tuple[Rule, ...]
    curves: pd.DataFrame
    """``two_class_curves.csv``."""
    members: tuple[tuple[str, str], ...]
    """(run, family) of the curves."""
    independent: bool

    @property
    def sentence(self) -> str:
        """Which run ranks best, and what that means."""
        best = self.areas.sort_values("auc", ascending=False, kind="stable").iloc[0]
        spread = (
            f" (95% interval {decimal(best['auc_ci_low'])} to {decimal(best['auc_ci_high'])})"
            if self.independent
            else ""
        )
        return (
            f"The positive class is {self.positive}: {count(self.n_positive)} of "
            f"{count(self.n_test)} test images. {best['run']} has the largest area under the ROC "
            f"curve, {decimal(best['auc'])}{spread}, and an average precision of "
            f"{decimal(best['average_precision'])}; chance would give 0.500 and "
            f"{decimal(self.n_positive / self.n_test)}."
        )


def view(study: StudyResults) -> TwoClasses | None:
    """Lay out the tables; None where there are more than two classes."""
    areas = study.tables.get("two_classes")
    if areas is None or areas.empty:
        return None
    first, curves = areas.iloc[0], study.tables["two_class_curves"]
    columns = shown(columns_of(TABLES, "two_classes").values(), areas)
    members = curves[["run", "family"]].drop_duplicates()
    return TwoClasses(
        positive=str(first["positive"]),
        n_positive=int(first["n_positive"]),
        n_test=int(first["n_test"]),
        areas=areas,
        runs_table=runs_table(columns, areas.to_dict("records"), _INTERVALS),
        rules=tuple(_rules(study.tables["thresholds"])),
        curves=curves,
        members=tuple(members.itertuples(index=False, name=None)),
        independent=study.independent,
    )


def _rules(table: pd.DataFrame) -> list[Rule]:
    found = []
    for index, (_, rows) in enumerate(table.groupby(["rule", "wanted"], sort=False)):
        title = _title(str(rows["rule"].iloc[0]), float(rows["wanted"].iloc[0]))
        columns = shown(columns_of(TABLES, "thresholds").values(), rows)
        made = runs_table(columns, rows.to_dict("records"), _INTERVALS)
        found.append(Rule(title, f"threshold-{index}", made))
    return found


def _title(kind: str, wanted: float) -> str:
    if kind == "least_recall":
        return f"Thresholds with a recall of at least {percent(wanted)} on the validation images"
    if wanted == 1:
        return "Lowest-cost thresholds if a miss costs as much as a false alarm"
    return f"Lowest-cost thresholds if a miss costs as much as {number(wanted)} false alarms"


CURVES: Mapping[str, tuple[str, str]] = {
    "roc": ("false alarm rate", "recall"),
    "precision_recall": ("recall", "precision"),
}
"""Curve -> what its axes show."""
