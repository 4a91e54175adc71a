"""Which class is mistaken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def confusion_counts(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], n_classes: int
) -> NDArray[np.int64]:
    """Return (classes, classes) counts: rows are the actual class, columns the predicted one."""
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predicted, labels=np.arange(n_classes))
    return counts.astype(np.int64)


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes, and how often each was mistaken for the other."""

    first: int
    second: int
    """Positions of the classes, `first` below `second`."""
    first_as_second: int
    """Images of the first class that were classified as the second."""
    second_as_first: int
    share: float
    """Both together, of all errors; in [0, 1]."""


def most_confused(counts: NDArray[np.integer], limit: int) -> list[ConfusedPair]:
    """List the pairs of classes that are confused most, in either direction.

    Args:
        counts: (classes, classes), rows the actual class, columns the predicted one.
        limit: the most pairs; those that are never confused are left out.

    Returns:
        Pairs by the errors between them, from the most down; equal ones in the order of classes.
    """
    first, second = np.triu_indices(len(counts), k=1)
    between = counts[first, second] + counts[second, first]
    errors = int(between.sum())
    order = np.argsort(-between, kind="stable")[:limit]
    return [
        ConfusedPair(
            first=int(first[index]),
            second=int(second[index]),
            first_as_second=int(counts[first[index], second[index]]),
            second_as_first=int(counts[second[index], first[index]]),
            share=float(between[index] / errors),
        )
        for index in order
        if between[index]
    ]
