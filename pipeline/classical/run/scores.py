"""Scores of fitted classical runs, and their accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.class_scores import of_decisions


def decision_scores(model: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, classes) float32 scores, larger for likelier classes, also with two classes.

    Args:
        model: a fitted pipeline, or its last step if the features are already scaled.
        features: (n, d).
    """
    return of_decisions(model.decision_function(np.asarray(features))).astype(np.float32)


def training_scores(classifier: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the `decision_scores` of the images that a classifier was fitted on.

    Args:
        classifier: the fitted last step of a pipeline.
        features: (n, d), scaled and projected; without mirror images.
    """
    known = getattr(classifier, "training_scores", lambda: None)()
    if known is None:
        return decision_scores(classifier, features)
    return of_decisions(known).astype(np.float32)


def accuracy(scores: NDArray, labels: NDArray, classes: NDArray) -> float:
    """Return the fraction of images whose largest score is that of their label.

    Args:
        scores: (n, classes), larger for likelier classes.
        labels: (n,) true classes.
        classes: (classes,) the label of each column; a model may have seen only some classes.
    """
    return float(np.mean(classes[scores.argmax(axis=1)] == labels))
