"""Some test images with the predictions of all runs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Sample images"
ABSENT = ""


@dataclass(frozen=True)
class Prediction:
    """What one run predicts for one image."""

    predicted: str
    correct: bool


@dataclass(frozen=True)
class SampleTable:
    """Some images side by side, with the predictions of each run."""

    title: str
    about: str
    images: tuple[tuple[str, str], ...]
    """(path relative to the report, actual class)."""
    rows: tuple[tuple[str, str, tuple[Prediction, ...]], ...]
    """(run, family, a prediction per image)."""


@dataclass(frozen=True)
class Samples(View):
    """All tables of images."""

    tables: tuple[SampleTable, ...]


def view(study: StudyResults) -> Samples | None:
    """Lay out the images of each kind; None where there are none."""
    disagreeing = (
        "Where the families disagree" if len(study.families_best) > 1 else
        "Where the best run is wrong"
    )  # fmt: skip
    kinds = {
        "drawn": ("A random sample", "Stratified by class, drawn without regard to predictions."),
        "disagreeing": (disagreeing, "Selected for this, so not typical of the test images."),
    }
    table = study.tables["samples"]
    found = tuple(
        _table(table, ids, *kinds[kind]) for kind, ids in study.record["samples"].items() if ids
    )
    return Samples(found) if found else None


def _table(table: pd.DataFrame, ids: list[int], title: str, about: str) -> SampleTable:
    images = [table[table["id"] == id_] for id_ in ids]
    rows = []
    for run, family in zip(images[0]["run"], images[0]["family"], strict=True):
        cells = [image[image["run"] == run].iloc[0] for image in images]
        predictions = tuple(Prediction(str(c["predicted"]), bool(c["correct"])) for c in cells)
        rows.append((str(run), str(family), predictions))
    shown = tuple((str(i["image"].iloc[0]), str(i["actual"].iloc[0])) for i in images)
    return SampleTable(title, about, shown, tuple(rows))
