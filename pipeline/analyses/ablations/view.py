"""What does one factor contribute? Curves over one another, tests, and claims with verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.analyses.ablations.table import CLAIMS, VALUES
from pipeline.analyses.ablations.wording import about, evidence, sentences
from pipeline.page.formats import is_missing, percent
from pipeline.page.study import StudyResults
from pipeline.page.table import Cell, Heading, cell, heading
from pipeline.page.view import View

TITLE = "One factor at a time"
ABSENT = "name a run and the option that varies under ablations in params.yaml"
VERDICTS = ("confirmed", "refuted", "not separated")
_INTERVALS = {
    "test_accuracy": ("ci_low", "ci_high"),
    "difference": ("diff_low", "diff_high"),
}


@dataclass(frozen=True)
class JudgedClaim:
    """A claim on the page."""

    text: str
    verdict: str
    evidence: str
    """What was measured, with n and the test."""

    @property
    def mark(self) -> str:
        """The verdict as the name of a style."""
        return self.verdict.replace(" ", "-")


@dataclass(frozen=True)
class AblatedRow:
    """A value in the table of its ablation."""

    label: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Factor:
    """One ablation on the page."""

    name: str
    about: str
    """What varies, in which run, on how many images, how often."""
    sentences: tuple[str, ...]
    claims: tuple[JudgedClaim, ...]
    headings: Mapping[str, Heading]
    rows: tuple[AblatedRow, ...]
    values: pd.DataFrame
    """Its rows of the table ``ablations``."""
    curves: pd.DataFrame
    """Its rows of the table ``ablation_curves``; none if all runs are classical."""
    target: float | None

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")

    @property
    def labels(self) -> list[str]:
        """The values, in the order of params.yaml."""
        return [str(each) for each in self.values["value"]]

    @property
    def alt(self) -> str:
        """The accuracies in words."""
        told = "; ".join(
            f"{row['value']} {percent(row['test_accuracy'])}"
            for row in self.values.to_dict("records")
        )
        return f"Test accuracy by {self.title}: {told}."


@dataclass(frozen=True)
class Ablations(View):
    """All ablations of a study."""

    factors: tuple[Factor, ...]

    @property
    def verdicts(self) -> list[tuple[str, int]]:
        """Verdict -> number of claims, where there are any."""
        every = [claim.verdict for factor in self.factors for claim in factor.claims]
        return [(each, every.count(each)) for each in VERDICTS] if every else []

    @property
    def sentence(self) -> str:
        """How many claims were confirmed, refuted, and neither."""
        told = [f"{number} {verdict}" for verdict, number in self.verdicts]
        total = sum(number for _, number in self.verdicts)
        start = "The claim is" if total == 1 else f"Of {total} claims,"
        if total == 1:
            return f"{start} {next(verdict for verdict, number in self.verdicts if number)}."
        return f"{start} {told[0]}, {told[1]} and {told[2]}."


def view(study: StudyResults) -> Ablations | None:
    """Collect the ablations; None where there is none."""
    table = study.tables.get(VALUES.name)
    if table is None or table.empty:
        return None
    records = study.record.get("ablations", {})
    claims, curves = (study.tables[name] for name in (CLAIMS.name, "ablation_curves"))
    return Ablations(
        tuple(
            _factor(
                str(name),
                rows,
                curves[curves["ablation"] == name],
                claims[claims["ablation"] == name],
                records.get(str(name), {}),
            )
            for name, rows in table.groupby("ablation", sort=False)
        )
    )


def _factor(
    name: str,
    values: pd.DataFrame,
    curves: pd.DataFrame,
    claims: pd.DataFrame,
    record: Mapping[str, Any],
) -> Factor:
    rows = values.to_dict("records")
    shown = [each for each in VALUES.columns if each.shown and _varies(each.name, values)]
    return Factor(
        name=name,
        about=about(rows, record),
        sentences=tuple(sentences(rows, record)),
        claims=tuple(_claim(row) for row in claims.to_dict("records")),
        headings={each.name: heading(each) for each in shown},
        rows=tuple(
            AblatedRow(
                str(row["value"]),
                {each.name: cell(each, row, _INTERVALS.get(each.name)) for each in shown},
            )
            for row in rows
        ),
        values=values,
        curves=curves,
        target=record.get("target"),
    )


def _varies(name: str, values: pd.DataFrame) -> bool:
    """Return whether a column says something of this ablation."""
    if name == "diverged":
        return bool(values[name].sum())
    return not all(map(is_missing, values[name]))


def _claim(row: Mapping[Any, Any]) -> JudgedClaim:
    return JudgedClaim(str(row["claim"]), str(row["verdict"]), evidence(row))
