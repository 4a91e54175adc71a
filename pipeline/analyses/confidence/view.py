"""The test images on which the best run of each family is most and least confident."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.page.formats import percent
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Confidence"
ABSENT = ""
KINDS = {
    "sure_right": "Most confident and correct",
    "sure_wrong": "Most confident and wrong",
    "unsure": "Least confident",
}


@dataclass(frozen=True)
class ConfidentImage:
    """One test image, and what a run predicts for it."""

    image: str
    """Path relative to the report."""
    actual: str
    predicted: str
    correct: bool
    confidence: str


@dataclass(frozen=True)
class ConfidentRun:
    """The best run of a family."""

    run: str
    family: str
    kinds: tuple[tuple[str, tuple[ConfidentImage, ...]], ...]
    """(title, images), without kinds that have none."""


@dataclass(frozen=True)
class Confidence(View):
    """All families."""

    runs: tuple[ConfidentRun, ...]


def view(study: StudyResults) -> Confidence | None:
    """Lay out ``certainty.csv``, family by family; None without any image."""
    groups = study.tables["certainty"].groupby(["run", "family"], sort=False)
    found = []
    for (run, family), table in groups:
        by_kind = ((title, _images(table[table["kind"] == k])) for k, title in KINDS.items())
        kinds = tuple((title, images) for title, images in by_kind if images)
        found.append(ConfidentRun(str(run), str(family), kinds))
    return Confidence(tuple(found)) if found else None


def _images(table: pd.DataFrame) -> tuple[ConfidentImage, ...]:
    return tuple(
        ConfidentImage(
            image=row["image"],
            actual=row["actual"],
            predicted=row["predicted"],
            correct=row["actual"] == row["predicted"],
            confidence=percent(row["confidence"]),
        )
        for row in table.sort_values("rank").to_dict("records")
    )
