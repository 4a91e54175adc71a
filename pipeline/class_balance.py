"""Classes of unequal size: when they are, and the weights that make them count the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_UNEQUAL = 1.5
"""Up to this ratio of the largest class to the smallest, a study's choices go by accuracy."""


def balanced_weights(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return a weight for each class: n / (classes * images of the class).

    So all classes weigh the same, and the weights of all images have a mean of 1. This is
    scikit-learn's ``class_weight="balanced"``.

    Args:
        labels: (n,) of the training images, n >= 1.

    Returns:
        (classes,) in ascending order of the labels that occur.
    """
    counts = np.unique(labels, return_counts=True)[1]
    return len(labels) / (len(counts) * counts.astype(np.float64))


def are_unequal(labels: NDArray[np.integer]) -> bool:
    """Return whether the largest class of (n,) labels is over `MOST_UNEQUAL` times the smallest."""
    counts = np.unique(labels, return_counts=True)[1]
    return bool(counts.max() > MOST_UNEQUAL * counts.min())
