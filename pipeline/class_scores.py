"""The one place where the raw outputs of any method become class scores.

For two classes, methods return a single number: a network one sigmoid output, an SVM one signed
distance. Everything downstream reads one column per class instead, so that the predicted class is
always the column with the largest score. No other code may look at the number of outputs to find
the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def of_probabilities(outputs: NDArray[np.floating]) -> NDArray[Any]:
    """Turn a network's outputs into probabilities (n, classes).

    Args:
        outputs: (n, classes) of a softmax, returned unchanged; or (n, 1) of one sigmoid unit p,
            which become the two columns 1 - p, p.

    Raises:
        ValueError: for an array of another rank.
    """
    if outputs.ndim != 2:
        raise ValueError(f"found outputs of shape {outputs.shape}; expected (n, classes) or (n, 1)")
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs


def of_decisions(decisions: NDArray[np.floating]) -> NDArray[Any]:
    """Turn a classifier's decision values into scores (n, classes); larger means more likely.

    Args:
        decisions: (n, classes), returned unchanged; or (n,) signed distances for two classes,
            positive for the second, which become the two columns -d, d.

    Raises:
        ValueError: for an array of another rank, or with a single column, whose sign is unknown.
    """
    if decisions.ndim == 1:
        return np.stack([-decisions, decisions], axis=1)
    if decisions.ndim != 2 or decisions.shape[1] < 2:
        raise ValueError(
            f"found decisions of shape {decisions.shape}; expected (n, classes), or (n,) for two"
        )
    return decisions
