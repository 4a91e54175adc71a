"""Precision, recall and F1 of each class, and their mean over classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassScores:
    """Scores of one run, one number a class."""

    precision: NDArray[np.float64]
    """(classes,): of the images said to be of a class, the share that is; 0 if none was."""
    recall: NDArray[np.float64]
    """(classes,): of the images of a class, the share that was found; 0 if there is none."""
    f1: NDArray[np.float64]
    """(classes,): harmonic mean of the two; 0 where both are 0."""
    support: NDArray[np.int64]
    """(classes,): labels of each class."""

    @property
    def macro_f1(self) -> float:
        """Mean F1, every class counting the same however many images it has."""
        return float(self.f1.mean())


def balanced_accuracy(predicted: NDArray[np.integer], labels: NDArray[np.integer]) -> float:
    """Return the mean recall over the classes of (n,) labels, given (n,) predicted classes.

    A class without a label does not count, as in scikit-learn.
    """
    support = np.bincount(labels)
    hits = np.bincount(labels[predicted == labels], minlength=len(support))
    return float((hits[support > 0] / support[support > 0]).mean())


def class_scores(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], n_classes: int
) -> ClassScores:
    """Score (n,) predicted classes against (n,) labels, both in [0, n_classes)."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(n_classes), zero_division=0
    )
    return ClassScores(precision, recall, f1, support.astype(np.int64))
