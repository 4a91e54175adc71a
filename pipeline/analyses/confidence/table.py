"""``certainty.csv``: the test images of which runs are most and least confident."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.columns import ACTUAL, FAMILY, IMAGE, IMAGE_ID, PREDICTED, RANK, RUN
from pipeline.analyses.study import Study
from pipeline.storage.columns import Column, Table
from pipeline.storage.results import picture_path

COUNT = 8
"""Images of each kind."""

TABLES = (
    Table(
        "certainty",
        "One row per image, of the first seed of each family's best run.",
        (
            RUN,
            FAMILY,
            Column(
                "kind",
                "sure_right and sure_wrong: predictions of the highest confidence, correct and "
                "wrong; unsure: those of the lowest.",
                format="text",
            ),
            RANK,
            IMAGE_ID,
            IMAGE,
            ACTUAL,
            PREDICTED,
            Column(
                "confidence",
                "The probability that the run gives to its prediction.",
                format="percent",
            ),
        ),
        pictures="enlarged",
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``certainty``; ranks start at 1."""
    (table,) = TABLES
    labels, names, rows = study.labels, study.labels.class_names, []
    for family, run in study.best.items():
        predicted, confidence = run.predicted[0]["test"], run.confidence
        chosen = most_and_least_confident(confidence, predicted == labels.test)
        for kind, positions in chosen.items():
            for rank, position in enumerate(positions, start=1):
                image = int(labels.test_ids[position])
                rows.append(
                    {
                        "run": run.name,
                        "family": family,
                        "kind": kind,
                        "rank": rank,
                        "id": image,
                        "image": picture_path(image),
                        "actual": names[labels.test[position]],
                        "predicted": names[predicted[position]],
                        "confidence": float(confidence[position]),
                    }
                )
    return {table.name: pd.DataFrame(rows, columns=list(table.names))}


def most_and_least_confident(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], count: int = COUNT
) -> dict[str, NDArray[np.int64]]:
    """Choose images by the probability that a run gave to its own prediction.

    Args:
        confidence: (n,) that probability.
        correct: (n,) whether the prediction is right.
        count: images of each kind; fewer where there are no more.

    Returns:
        Kind -> positions, the most telling first: ``sure_right`` and ``sure_wrong`` from the
        highest probability down, ``unsure`` from the lowest up, right or wrong. Of equal
        probabilities the lower position goes first. Nearly every run is wrong about some images
        with high confidence, so these are no sign of a poor one.
    """
    falling = np.argsort(-confidence, kind="stable")
    return {
        "sure_right": falling[correct[falling]][:count],
        "sure_wrong": falling[~correct[falling]][:count],
        "unsure": np.argsort(confidence, kind="stable")[:count],
    }
