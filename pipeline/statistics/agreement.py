"""Whether two classifiers agree, and whether they make the same errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Two classifiers on n images; all but `kappa` are shares in [0, 1]."""

    agreement: float
    """Both predict the same class, right or wrong."""
    kappa: float
    """Agreement beyond chance, in [-1, 1]; NaN where chance alone makes them agree."""
    both_right: float
    oracle: float
    """At least one is right: no rule based on these two predictions alone can do better."""
    error_overlap: float
    """Of the images that at least one gets wrong, the share that both do; NaN where neither ever
    errs."""


def agree(
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    labels: NDArray[np.integer],
    n_classes: int,
) -> Agreement:
    """Compare two classifiers with each other and with the labels.

    Args:
        first: (n,) predicted classes of one classifier, in [0, n_classes).
        second: (n,) of the other.
        labels: (n,) of the same images.
        n_classes: number of classes.
    """
    n = len(labels)
    first_right, second_right = first == labels, second == labels
    same = np.count_nonzero(first == second) / n
    one, other = (np.bincount(each, minlength=n_classes) / n for each in (first, second))
    both = np.count_nonzero(first_right & second_right)
    either = np.count_nonzero(first_right | second_right)
    return Agreement(
        agreement=same,
        kappa=_cohens_kappa(same, float(one @ other)),
        both_right=both / n,
        oracle=either / n,
        error_overlap=(n - either) / (n - both) if both < n else float("nan"),
    )


def _cohens_kappa(observed: float, by_chance: float) -> float:
    """Return Cohen's kappa (Educational and Psychological Measurement 20, 1960, 37-46)."""
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")
