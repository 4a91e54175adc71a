"""The hardest images, and those on which the families differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import percent
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Hardest images"
ABSENT = ""
KINDS = {
    "hardest": ("Hardest for all runs", "Classified correctly by the fewest runs."),
    "only_classical": (
        "Only the classical run is correct",
        "The best classical run is correct, and the best network is wrong.",
    ),
    "only_deep": (
        "Only the network is correct",
        "The best network is correct, and the best classical run is wrong.",
    ),
    "label_suspect": (
        "Labels to check",
        "The best runs of all families agree on a class other than the label: the label may be "
        "wrong, or the image may show both.",
    ),
}


@dataclass(frozen=True)
class HardImage:
    """One row of ``errors.csv``, as texts."""

    image: str
    """Path relative to the report."""
    actual: str
    predicted: str
    """The predictions of the best runs of the families."""
    correct: str
    """How many runs are correct."""


@dataclass(frozen=True)
class Mistakes(View):
    """All kinds that have images."""

    kinds: tuple[tuple[str, str, list[HardImage]], ...]
    """(title, what they are, images)."""


def view(study: StudyResults) -> Mistakes | None:
    """Lay out the images; None without any."""
    table = study.tables.get("errors")
    if table is None or table.empty:
        return None
    # If runs never predict the class of an image, their agreement says nothing about its label.
    blind = {each.class_name for each in study.never_recognized}
    table = table[(table["kind"] != "label_suspect") | ~table["actual"].astype(str).isin(blind)]
    groups = (
        (title, about, table[table["kind"] == kind].sort_values("rank"))
        for kind, (title, about) in KINDS.items()
    )
    return Mistakes(
        tuple(
            (title, about, [_hard(row) for row in part.to_dict("records")])
            for title, about, part in groups
            if len(part)
        )
    )


def _hard(row: Mapping[Any, Any]) -> HardImage:
    names = {"classical": row["classical_predicted"], "network": row["deep_predicted"]}
    predicted = [f"{who}: {what}" for who, what in names.items() if isinstance(what, str) and what]
    share = row["label_probability"]
    label = "" if pd.isna(share) else f"; {percent(share)} for the label"
    return HardImage(
        image=row["image"],
        actual=row["actual"],
        predicted=", ".join(predicted),
        correct=f"{row['runs_right']} of {row['runs']} runs correct{label}",
    )
