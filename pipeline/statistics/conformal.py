"""Limits that a stated share of new values exceeds, whatever their distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError


def upper_limit(values: NDArray[np.floating], share: float) -> float:
    """Return a limit that at most `share` of new values of the same kind exceed, on average.

    It is the ceil((n + 1)(1 - share))-th smallest value, as in split conformal prediction (Vovk,
    Gammerman and Shafer 2005; Bates et al. 2023, "Testing for outliers with conformal p-values").
    Of fewer than 1 / share - 1 values there is none: then it is the largest, and 1 in n + 1 new
    values exceeds it.

    Args:
        values: (n,), of images that the limit does not depend on otherwise.
        share: in (0, 1).
    """
    n = len(values)
    if not n:
        raise StudyError("found no values to take a limit of; expected at least one")
    rank = min(n, math.ceil((n + 1) * (1 - share)))
    return float(np.partition(values, rank - 1)[rank - 1])
