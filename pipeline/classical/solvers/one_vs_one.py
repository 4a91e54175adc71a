"""Conversion of one-vs-one decisions to one score per class.

There is a machine for each pair of classes, in the order (0,1), (0,2), ..., (1,2), ...; a positive
decision favors the first class of the pair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def class_pairs(n_classes: int) -> list[tuple[int, int]]:
    """Return the pairs of class codes, in the order of their decisions."""
    return [(i, j) for i in range(n_classes) for j in range(i + 1, n_classes)]


def class_scores(decisions: NDArray, n_classes: int) -> NDArray[np.float64]:
    """Return (n, classes) scores of (n, pairs) decisions.

    The score is the number of pairs that a class wins, plus the sum of its margins, squeezed into
    (-1/3, 1/3) to break ties, as in scikit-learn's ``decision_function_shape="ovr"``.
    """
    votes = np.zeros((len(decisions), n_classes))
    margins = np.zeros_like(votes)
    for column, (first, second) in enumerate(class_pairs(n_classes)):
        won = decisions[:, column] > 0
        votes[:, first] += won
        votes[:, second] += ~won
        margins[:, first] += decisions[:, column]
        margins[:, second] -= decisions[:, column]
    return votes + margins / (3 * (np.abs(margins) + 1))
