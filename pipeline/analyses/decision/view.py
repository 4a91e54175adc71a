"""Which run to use: tiers, the cheapest that is nearly as good, and what can be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analyses.decision.table import TABLES
from pipeline.page.formats import count, duration, percent, points, quantity
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, columns_of, runs_table, shown
from pipeline.page.view import View

TITLE = "Which run to use"
ABSENT = ""
_NAMED = 6
"""Of the first tier, at most so many runs are named."""
_INTERVALS = {
    "difference": ("ci_low", "ci_high"),
    "coverage": ("coverage_ci_low", "coverage_ci_high"),
    "accuracy": ("accuracy_ci_low", "accuracy_ci_high"),
}


@dataclass(frozen=True)
class Target:
    """Answers of a wanted accuracy."""

    title: str
    anchor: str
    runs_table: RunsTable


@dataclass(frozen=True)
class Decision(View):
    """All that is said about the choice of a run."""

    table: pd.DataFrame
    """``decision.csv``."""
    found: Mapping[str, Any]
    """``decision`` in ``study.json``."""
    measure: str
    """What is compared: ``accuracy`` or ``balanced accuracy``."""
    runs_table: RunsTable
    targets: tuple[Target, ...]
    answers: pd.DataFrame
    """``answers.csv``."""
    coverage: pd.DataFrame
    """``coverage.csv``."""
    members: tuple[tuple[str, str], ...]
    """(run, family) of the curves."""

    @property
    def brief(self) -> tuple[str, ...]:
        """The sentence on the cheapest run, for the verdict."""
        return (self.cheapest,) if self.cheapest else ()

    @property
    def margin(self) -> str:
        """The margin: ``1 point``, ``0.5 points``."""
        text = points(self.found["margin"])
        return "1 point" if text == "1.0" else f"{text} points"

    @property
    def cheapest(self) -> str:
        """Name the cheapest run within the margin; empty where nothing can be tested."""
        if len(self.table) < 2 or not self.found["independent_images"]:
            return ""
        best = str(self.found["best"])
        fast = str(self.found["cheapest_by_predict_ms_per_image"])
        quick = str(self.found["cheapest_by_train_seconds"])
        if fast == best == quick:
            return (
                f"No cheaper run is shown to be within {self.margin} of {best}, the best by "
                f"{self.found['chosen_by']}."
            )
        start = f"Within {self.margin} of {best}, the best by {self.found['chosen_by']},"
        if fast == quick:
            return f"{start} {fast} is the cheapest run: {self._gain(fast, best, both=True)}."
        parts = []
        if fast != best:
            parts.append(f"{fast} predicts fastest ({self._gain(fast, best)})")
        if quick != best:
            row, of_best = self._row(quick), self._row(best)
            parts.append(
                f"{quick} trains fastest ({duration(row['train_seconds'])} instead of "
                f"{duration(of_best['train_seconds'])})"
            )
        return f"{start} {', and '.join(parts)}."

    def _row(self, run: str) -> Mapping[Any, Any]:
        (row,) = self.table[self.table["run"] == run].to_dict("records")
        return row

    def _gain(self, run: str, best: str, both: bool = False) -> str:
        row, other = self._row(run), self._row(best)
        text = (
            f"{quantity(row['predict_ms_per_image'])} instead of "
            f"{quantity(other['predict_ms_per_image'])} ms per image"
        )
        if both:
            text += (
                f", trained in {duration(row['train_seconds'])} instead of "
                f"{duration(other['train_seconds'])}"
            )
        return text

    @property
    def tiers(self) -> str:
        """Say how many tiers there are, and who is in the first; empty with one run."""
        if len(self.table) < 2:
            return ""
        if not self.found["independent_images"]:
            return (
                "The test images are not independent samples, so no difference can be tested, and "
                "there are no tiers."
            )
        first = self.table[self.table["tier"] == 1]["run"].astype(str).tolist()
        n = int(self.table["tier"].max())
        others = f" and {len(first) - _NAMED} more" if len(first) > _NAMED else ""
        named = f"{', '.join(first[:_NAMED])}{others}"
        of = f"The {count(len(self.table))} runs form {count(n)} tier{'s' * (n != 1)}."
        if len(first) == 1:
            return f"{of} {named} is alone in the first: all others are significantly worse."
        return (
            f"{of} The first tier contains the runs that are not significantly worse than "
            f"{first[0]}: {named}."
        )

    @property
    def power(self) -> str:
        """Say what the test set can show; empty with one run, or where nothing can be tested."""
        if "pair" not in self.found:
            return ""
        first, second = self.found["pair"]
        n, differ = count(self.found["n"]), percent(self.found["discordance"])
        start = (
            f"Of {first} and {second}, the two best by {self.found['chosen_by']}, exactly one is "
            f"correct on {differ} of {n} test images."
        )
        if self.found["detectable"] is None:
            return f"{start} This is too few to detect any difference with {n} images."
        smallest = points(self.found["detectable"])
        return (
            f"{start} At this rate, the test set detects a difference of {smallest} points or more "
            f"with a probability of at least {self.found['power']:.0%} (McNemar’s test at 5%); to "
            f"detect half of that, {count(self.found['images_for_half'])} images are needed."
        )

    @property
    def sure(self) -> tuple[str, ...]:
        """Say what each run reaches if it answers only where it is sure."""
        return tuple(_sure(row) for row in self.answers.to_dict("records"))


def _sure(row: Mapping[Any, Any]) -> str:
    target = percent(row["target"])
    if pd.isna(row["threshold"]):
        return f"{row['run']}: no threshold gives {target} accuracy on validation images."
    if pd.isna(row["accuracy"]):
        return (
            f"{row['run']}: with the threshold for {target} accuracy on validation images, it "
            "classifies no test image."
        )
    return (
        f"{row['run']}: with the threshold for {target} accuracy on validation images, it "
        f"classifies {percent(row['coverage'])} of the test images, {percent(row['accuracy'])} of "
        "them correctly."
    )


def view(study: StudyResults) -> Decision | None:
    """Lay out the tables; None for results of earlier versions, which lack them."""
    table, found = study.tables.get("decision"), study.record.get("decision")
    if table is None or found is None:
        return None
    columns = shown(columns_of(TABLES, "decision").values(), table)
    answers, coverage = study.tables["answers"], study.tables["coverage"]
    members = coverage[["run", "family"]].drop_duplicates()
    return Decision(
        table=table,
        found=found,
        measure=study.chosen_by,
        runs_table=runs_table(columns, table.to_dict("records"), _INTERVALS),
        targets=tuple(_target(index, rows) for index, (_, rows) in
                      enumerate(answers.groupby("target", sort=False))),
        answers=answers,
        coverage=coverage,
        members=tuple(members.itertuples(index=False, name=None)),
    )  # fmt: skip


def _target(index: int, rows: pd.DataFrame) -> Target:
    columns = shown(columns_of(TABLES, "answers").values(), rows)
    title = f"Threshold for {percent(float(rows['target'].iloc[0]))} accuracy on validation images"
    made = runs_table(columns, rows.to_dict("records"), _INTERVALS)
    return Target(title, f"answers-{index}", made)
