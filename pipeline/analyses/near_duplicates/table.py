"""``near_duplicates.csv``: one row per test image with a near-duplicate in train or validation.

Look-alikes are left out where the images of the study show that likeness says nothing;
``study.json`` says so under ``duplicates``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.duplicates import LEARN, classes_of, classes_of_pairs, objection
from pipeline.analyses.labels import Labels
from pipeline.analyses.study import Study
from pipeline.storage.columns import Column, Table
from pipeline.storage.near_duplicates import ALIKE, EXACT

NAMED_CONFLICTS = 20
"""Copies with two labels that ``study.json`` names, at most; it counts all."""

TABLES = (
    Table(
        "near_duplicates",
        "One row per test image with a near-duplicate in train or validation.",
        (
            Column("test_id", "The id of the test image.", format="count"),
            Column("id", "The id of the other image.", format="count"),
            Column("split", "The split of the other image: train or validation.", format="text"),
            Column(
                "kind",
                "exact: all pixels are equal; alike: the two images look the same.",
                format="text",
                optional=True,
                otherwise=lambda tables: ALIKE,
            ),
            Column("mirrored", "Whether one is the mirror image of the other.", format="yes_no"),
            Column("similarity", "Correlation of the details of the two images.", format="decimal"),
            Column("actual", "The class of the test image.", format="text"),
            Column("partner_actual", "The class of the other image.", format="text"),
        ),
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``near_duplicates``."""
    (table,) = TABLES
    pairs = study.claimed_pairs
    rows = pd.concat([pairs, classes_of_pairs(pairs, study.labels)], axis=1)
    return {table.name: rows[list(table.names)]}


def record(study: Study) -> dict[str, Any]:
    """Return the counts of copies and look-alikes, and why none is claimed, for ``study.json``."""
    kinds = study.claimed_pairs["kind"]
    return {
        "duplicates": {
            "exact": int((kinds == EXACT).sum()),
            "alike": int((kinds == ALIKE).sum()),
            "not_claimed": objection(study.duplicates, study.labels),
            "check": asdict(study.duplicates.check),
            "conflicts": conflicts(study.duplicates.copies, study.labels, study.image_names),
        }
    }


def conflicts(copies: pd.DataFrame, labels: Labels, names: Mapping[int, str]) -> dict[str, Any]:
    """Name the exact copies within train and validation that have two labels.

    Args:
        copies: columns `near_duplicates.COPY_COLUMNS`.
        labels: of this study.
        names: id -> name of an image; an image without a name is called by its id.
    """
    within = copies[copies["split"].isin(LEARN) & copies["first_split"].isin(LEARN)]
    classes = classes_of(within["id"], within["split"], labels)
    firsts = classes_of(within["first_id"], within["first_split"], labels)
    differing = np.flatnonzero(classes != firsts)
    named = [
        {
            "images": [names.get(int(each), f"image {each}") for each in ids],
            "classes": [str(firsts[place]), str(classes[place])],
        }
        for place in differing[:NAMED_CONFLICTS]
        for ids in [within[["first_id", "id"]].iloc[place].tolist()]
    ]
    return {"n": len(differing), "named": named}
