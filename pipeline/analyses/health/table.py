"""``health.csv``: the images of each class. ``shortcut.csv``: what their files give away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.health.flags import flagged
from pipeline.analyses.health.shortcut import TABLE, shortcut_rows
from pipeline.analyses.labels import Labels
from pipeline.analyses.study import Study
from pipeline.checks import StudyError
from pipeline.storage.columns import Column, Table

NAMED = 5
"""Flagged images of each kind that ``study.json`` names, the most extreme first."""

TABLES = (
    Table(
        "health",
        "One row per class: its images, in all splits together.",
        (
            Column("class", "The class.", format="text"),
            Column("images", "Images in all splits together.", format="count", shown=True),
            Column("width", "Median width of the originals.", unit="pixels", format="count"),
            Column("height", "Median height of the originals.", unit="pixels", format="count"),
            Column("smallest", "Shortest side of any original.", unit="pixels", format="count"),
            Column("largest", "Longest side of any original.", unit="pixels", format="count"),
            Column("bytes", "Median size of the files.", "file", unit="bytes", format="count"),
            Column("formats", "File formats, the most common first.", format="text"),
            Column("brightness", "Median of the mean brightness, 0 to 255.", format="count"),
            Column("dark", "Images that are too dark.", format="count"),
            Column("bright", "Images that are too bright.", format="count"),
            Column("blank", "Images without content.", format="count"),
            Column("blurred", "Images that are blurred.", format="count"),
        ),
        optional=True,
    ),
    TABLE,
)
_MOST_EXTREME = {"dark": "brightness", "bright": "brightness", "blank": "contrast",
                 "blurred": "sharpness"}  # fmt: skip


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return both tables, empty where nothing is known."""
    health, _ = TABLES
    if study.health is None:
        return {table.name: pd.DataFrame(columns=list(table.names)) for table in TABLES}
    facts = _with_classes(study.health.facts, study.labels)
    flags = pd.DataFrame(flagged(facts))
    rows = [
        {"class": name, **_row(facts[facts["class"] == name], flags)}
        for name in study.labels.class_names
    ]
    return {
        health.name: pd.DataFrame(rows)[list(health.names)],
        TABLE.name: shortcut_rows(study.health.control, study.labels),
    }


def record(study: Study) -> dict[str, Any]:
    """Return the flagged images, counted and some of them named, for ``study.json``."""
    if study.health is None:
        return {}
    facts = study.health.facts
    found = {}
    for kind, which in flagged(facts).items():
        ordered = facts[which].sort_values(
            _MOST_EXTREME[kind], ascending=kind != "bright", kind="stable"
        )
        names = [study.image_names.get(int(i), f"image {i}") for i in ordered["id"].head(NAMED)]
        found[kind] = {"n": int(which.sum()), "named": names}
    return {"health": {"flagged": found, "files": bool((facts["bytes"] > 0).any())}}


def _with_classes(facts: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Add the class of each image, and keep one row per image."""
    codes = np.full(len(facts), -1)
    for split in facts["split"].unique():
        here = np.flatnonzero(facts["split"] == split)
        if not np.array_equal(facts["id"].to_numpy()[here], labels.ids[split]):
            raise StudyError(
                f"facts about images: found other images in the {split} split; expected those of "
                "the study. Compute them again with: dvc repro health"
            )
        codes[here] = labels.by_split[split]
    names = np.array(labels.class_names)[codes]
    return facts.assign(**{"class": names})


def _row(facts: pd.DataFrame, flags: pd.DataFrame) -> dict[str, Any]:
    files = facts[facts["bytes"] > 0]
    sides = files[["width", "height"]]
    known = len(files) > 0
    counts = files["format"].value_counts()
    return {
        "images": len(facts),
        "width": files["width"].median() if known else np.nan,
        "height": files["height"].median() if known else np.nan,
        "smallest": sides.min().min() if known else np.nan,
        "largest": sides.max().max() if known else np.nan,
        "bytes": files["bytes"].median() if known else np.nan,
        "formats": ", ".join(f"{name} {n:,}" for name, n in counts.items()),
        "brightness": facts["brightness"].median(),
        **{str(kind): int(flags[kind].loc[facts.index].sum()) for kind in flags},
    }
