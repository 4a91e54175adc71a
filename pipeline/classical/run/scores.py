"""Scores of fitted classical runs, and their accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.class_scores import of_decisions


def decision_scores(model: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, classes) float32 scores, the larger the likelier, also with two classes.

    Args:
        model: a fitted pipeline, or its last step, where the features are scaled already.
        features: (n, d).
    """
    return of_decisions(model.decision_function(np.asarray(features))).astype(np.float32)


def accuracy(scores: NDArray, labels: NDArray, classes: NDArray) -> float:
    """Return the part of (n,) `labels` that are the class of the largest of (n, classes) scores.

    Args:
        scores: (n, classes), the larger the likelier.
        labels: (n,) true classes.
        classes: the label of each column, which a model that saw only some may not have all of.
    """
    return float(np.mean(classes[scores.argmax(axis=1)] == labels))
