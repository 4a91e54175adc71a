"""The one place where raw outputs of any method become scores of classes.

Two classes need a single number: a network gives one sigmoid unit, a machine one signed distance.
Everything behind a method reads a column a class instead, so that the class is where the largest
score stands, whatever the number of classes. Nothing else in the project may look at the number of
outputs to find the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def of_probabilities(outputs: NDArray[np.floating]) -> NDArray[Any]:
    """Return probabilities (n, classes) of a network's outputs.

    Args:
        outputs: (n, classes) of a softmax, returned as they are; or (n, 1) of one sigmoid unit p,
            which become the two columns 1 - p, p.

    Raises:
        ValueError: for an array of another rank.
    """
    if outputs.ndim != 2:
        raise ValueError(f"found outputs of shape {outputs.shape}; expected (n, classes) or (n, 1)")
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs


def of_decisions(decisions: NDArray[np.floating]) -> NDArray[Any]:
    """Return scores (n, classes) of a machine's decisions, the larger the likelier.

    Args:
        decisions: (n, classes), returned as they are; or (n,) signed distances of two classes,
            positive for the second, which become the two columns -d, d.

    Raises:
        ValueError: for an array of another rank, or with a single column, whose sign nobody knows.
    """
    if decisions.ndim == 1:
        return np.stack([-decisions, decisions], axis=1)
    if decisions.ndim != 2 or decisions.shape[1] < 2:
        raise ValueError(
            f"found decisions of shape {decisions.shape}; expected (n, classes), or (n,) for two"
        )
    return decisions
