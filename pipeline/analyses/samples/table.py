"""``samples.csv``: what each run predicts for a handful of test images."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.analyses.columns import ACTUAL, FAMILY, IMAGE, IMAGE_ID, PREDICTED, RUN
from pipeline.analyses.samples.choice import Samples, choose_samples
from pipeline.analyses.study import Study
from pipeline.storage.columns import Column, Table
from pipeline.storage.results import picture_path

TABLES = (
    Table(
        "samples",
        "One row per sample image and run, of the run's first seed.",
        (
            IMAGE_ID,
            IMAGE,
            ACTUAL,
            RUN,
            FAMILY,
            PREDICTED,
            Column("correct", "Whether that is the class of the image.", format="yes_no"),
        ),
        pictures="enlarged",
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``samples``."""
    (table,) = TABLES
    labels, names = study.labels, study.labels.class_names
    samples, rows = _choose(study), []
    for position in (*samples.drawn, *samples.disagreeing):
        image, actual = int(labels.test_ids[position]), int(labels.test[position])
        for run in study.runs:
            predicted = int(run.predicted[0]["test"][position])
            rows.append(
                {
                    "id": image,
                    "image": picture_path(image),
                    "actual": names[actual],
                    "run": run.name,
                    "family": run.family,
                    "predicted": names[predicted],
                    "correct": predicted == actual,
                }
            )
    return {table.name: pd.DataFrame(rows, columns=list(table.names))}


def record(study: Study) -> dict[str, Any]:
    """Return the ids of the sample images by how they were chosen, for ``study.json``."""
    samples, ids = _choose(study), study.labels.test_ids
    return {
        "samples": {
            "drawn": ids[samples.drawn].tolist(),
            "disagreeing": ids[samples.disagreeing].tolist(),
        }
    }


def _choose(study: Study) -> Samples:
    predictions = [run.predicted[0]["test"] for run in study.best.values()]
    return choose_samples(study.labels.test, predictions, study.seed, study.n_samples)
