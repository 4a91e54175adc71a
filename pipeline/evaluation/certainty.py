"""The test images of which a run is most and least sure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.results import CERTAINTY_COLUMNS

COUNT = 8
"""Images of each kind."""


def most_and_least_sure(
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
        probabilities the lower position goes first. Nearly every run is sure of some images and
        wrong, so these are no sign of a poor one.
    """
    falling = np.argsort(-confidence, kind="stable")
    return {
        "sure_right": falling[correct[falling]][:count],
        "sure_wrong": falling[~correct[falling]][:count],
        "unsure": np.argsort(confidence, kind="stable")[:count],
    }


def certainty_table(best: Mapping[str, ScoredRun], answers: Answers) -> pd.DataFrame:
    """One row an image, columns `CERTAINTY_COLUMNS`, of the first seed of each family's best run.

    Ranks start at 1.
    """
    labels, ids = np.asarray(answers.labels["test"]), np.asarray(answers.ids["test"])
    rows = []
    for family, run in best.items():
        predicted = run.predicted[0]["test"]
        for kind, positions in most_and_least_sure(run.confidence, predicted == labels).items():
            for rank, position in enumerate(positions, start=1):
                rows.append(
                    (
                        run.name,
                        family,
                        kind,
                        rank,
                        int(ids[position]),
                        f"samples/{ids[position]}.png",
                        answers.class_names[labels[position]],
                        answers.class_names[predicted[position]],
                        float(run.confidence[position]),
                    )
                )
    return pd.DataFrame(rows, columns=list(CERTAINTY_COLUMNS))
