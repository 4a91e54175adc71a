"""The metrics of a learning curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.per_class import balanced_accuracy


@dataclass(frozen=True)
class Measured:
    """Metrics on one split after one epoch."""

    loss: float
    """Cross-entropy, whatever the training loss is."""
    accuracy: float
    macro_f1: float
    balanced_loss: float
    """Cross-entropy of each class, averaged over the classes."""
    balanced_accuracy: float


def measure(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> Measured:
    """Return all metrics for probabilities (n, classes) and labels (n,)."""
    return Measured(
        loss=cross_entropy(scores, labels),
        accuracy=accuracy(scores, labels),
        macro_f1=macro_f1(scores, labels),
        balanced_loss=balanced_cross_entropy(scores, labels),
        balanced_accuracy=balanced_accuracy(scores.argmax(axis=1), labels),
    )


def cross_entropy(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean negative natural logarithm of the correct class's probability.

    Training penalties are not included, so that settings are comparable. Probabilities are clipped
    at 1e-7, as in Keras, so that one confident mistake does not make the mean infinite.

    Args:
        scores: (n, classes) probabilities.
        labels: (n,) in 0..classes-1.
    """
    return float(_costs(scores, labels).mean())


def balanced_cross_entropy(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the `cross_entropy` of the images of each class, averaged over classes with images.

    Args:
        scores: (n, classes) probabilities.
        labels: (n,) in 0..classes-1.
    """
    counts = np.bincount(labels)
    sums = np.bincount(labels, weights=_costs(scores, labels)[:, 0])
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def _costs(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the (n, 1) negative logarithms of the correct classes' probabilities."""
    right = np.take_along_axis(scores, labels[:, None], axis=1).astype(np.float64)
    return -np.log(np.clip(right, 1e-7, 1.0))


def accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the fraction of `labels` (n,) that have the largest of their `scores` (n, classes)."""
    return float((scores.argmax(axis=1) == labels).mean())


def macro_f1(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean over all classes of 2·hits / (predicted + present).

    A class that is neither present nor predicted counts as 0, as in scikit-learn.

    Args:
        scores: (n, classes); the largest is the prediction.
        labels: (n,) in 0..classes-1.
    """
    n_classes = scores.shape[1]
    predicted = scores.argmax(axis=1)
    hits = np.bincount(labels[predicted == labels], minlength=n_classes)
    both = np.bincount(predicted, minlength=n_classes) + np.bincount(labels, minlength=n_classes)
    return float((2 * hits / np.maximum(both, 1)).mean())
