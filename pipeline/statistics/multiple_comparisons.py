"""Significance of many tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Return (n,) p-values, adjusted by Holm's step-down method.

    Holm (Scandinavian Journal of Statistics 6, 1979, 65-70). The family-wise error rate is
    controlled however the tests depend on each other.

    Args:
        p_values: of each test, one at least.
    """
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(p_values, method="holm")[1])
