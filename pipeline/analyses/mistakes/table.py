"""``errors.csv``: test images that runs get wrong, of first seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.columns import ACTUAL, IMAGE, IMAGE_ID, RANK
from pipeline.analyses.mistakes.images import ErrorImages, ImageVotes, error_images, image_votes
from pipeline.analyses.study import Study
from pipeline.storage.columns import Column, Table
from pipeline.storage.results import picture_path

COUNT = 12
"""Images of each kind."""

TABLES = (
    Table(
        "errors",
        "One row per kind and image, of first seeds.",
        (
            Column(
                "kind",
                "hardest: few runs classify it correctly; only_classical and only_deep: the best "
                "run of this family classifies it correctly and that of the other does not; "
                "label_suspect: the best runs of all families agree on another class.",
                format="text",
            ),
            RANK,
            IMAGE_ID,
            IMAGE,
            ACTUAL,
            Column(
                "classical_predicted",
                "The class that the best classical run predicts; empty where there is none.",
                format="text",
            ),
            Column(
                "deep_predicted",
                "The class that the best network predicts; empty where there is none.",
                format="text",
            ),
            Column("runs_right", "Number of runs that classify it correctly.", format="count"),
            Column("runs", "Number of runs.", format="count"),
            Column(
                "label_probability",
                "The probability of the label, mean over the best runs of all families.",
                format="percent",
            ),
        ),
        pictures="enlarged",
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``errors``: the first `COUNT` images of each kind, ranks from 1."""
    (table,) = TABLES
    votes, found = _mistakes(study)
    labels, names = study.labels, study.labels.class_names
    probability, rows = votes.best_label_probability(), []
    for kind, positions in found.kinds().items():
        for rank, position in enumerate(positions[:COUNT], start=1):
            predicted = {
                family: names[classes[position]] for family, classes in votes.best_predicted.items()
            }
            image = int(labels.test_ids[position])
            rows.append(
                {
                    "kind": kind,
                    "rank": rank,
                    "id": image,
                    "image": picture_path(image),
                    "actual": names[labels.test[position]],
                    "classical_predicted": predicted.get("classical", ""),
                    "deep_predicted": predicted.get("deep", ""),
                    "runs_right": int(votes.runs_right[position]),
                    "runs": votes.runs,
                    "label_probability": float(probability[position]),
                }
            )
    return {table.name: pd.DataFrame(rows, columns=list(table.names))}


def record(study: Study) -> dict[str, Any]:
    """Return the numbers of images of each kind in the whole test split, for ``study.json``."""
    votes, found = _mistakes(study)
    return {
        "errors": {
            "images": len(votes.labels),
            "runs": votes.runs,
            "every_run_right": int(np.count_nonzero(votes.runs_right == votes.runs)),
            "no_run_right": int(np.count_nonzero(votes.runs_right == 0)),
            "only_classical_right": len(found.only_classical),
            "only_deep_right": len(found.only_deep),
            "label_suspect": len(found.label_suspect),
        }
    }


def _mistakes(study: Study) -> tuple[ImageVotes, ErrorImages]:
    votes = image_votes(study.runs, study.best, study.labels.test)
    return votes, error_images(votes)
