"""Precision, recall and F1 of each class, and their mean over classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.bootstrap import percentiles
from pipeline.statistics.proportions import Interval, Proportion

RESAMPLES = 2_000
"""Of an interval of the macro-F1."""


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


def recalls(
    several: Sequence[NDArray[np.integer]], labels: NDArray[np.integer]
) -> list[Proportion]:
    """Return the recall of each class that has labels; their mean is the balanced accuracy.

    Args:
        several: (n,) predicted classes of each seed; recalls are means over them.
        labels: (n,).
    """
    support = np.bincount(labels)
    hits = np.mean([np.bincount(labels[p == labels], minlength=len(support)) for p in several], 0)
    return [Proportion(float(hit), int(n)) for hit, n in zip(hits, support, strict=True) if n > 0]


def macro_f1_interval(
    several: Sequence[NDArray[np.integer]],
    labels: NDArray[np.integer],
    n_classes: int,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Return the percentile interval of the macro-F1 by a bootstrap that is stratified by class.

    Efron and Tibshirani (An Introduction to the Bootstrap, 1993, chapter 13). Each class keeps its
    number of images, so that no class vanishes from a resample. Images of a class with the same
    predictions are alike, so a resample of a class is a multinomial draw of how often each
    prediction occurs, which is much faster than drawing images.

    Args:
        several: (n,) predicted classes of each seed; the macro-F1 is the mean over them.
        labels: (n,) in [0, n_classes).
        n_classes: number of classes.
        seed: of the resamples.
        resamples: how many.
        confidence: of the interval.
    """
    generator = np.random.default_rng(seed)
    predicted = np.stack(several, axis=1)
    hits = np.zeros((len(several), resamples, n_classes))
    said = np.zeros_like(hits)
    for label in np.unique(labels):
        kinds, counts = np.unique(predicted[labels == label], axis=0, return_counts=True)
        drawn = generator.multinomial(counts.sum(), counts / counts.sum(), resamples).astype(float)
        for index, as_class in enumerate(kinds.T):
            hits[index, :, label] = drawn[:, as_class == label].sum(axis=1)
            said[index] += drawn @ (as_class[:, None] == np.arange(n_classes)).astype(float)
    both = said + np.bincount(labels, minlength=n_classes)
    f1 = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    return Interval(*percentiles(f1.mean(axis=(0, 2)), confidence))


def class_scores(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], n_classes: int
) -> ClassScores:
    """Score (n,) predicted classes against (n,) labels, both in [0, n_classes)."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(n_classes), zero_division=0
    )
    return ClassScores(precision, recall, f1, support.astype(np.int64))
