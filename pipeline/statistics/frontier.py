"""The Pareto frontier of accuracy and cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def on_frontier(
    accuracy: NDArray[np.floating], cost: NDArray[np.floating], group: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Return (n,): which runs are on the Pareto frontier of accuracy and cost in their group.

    A run is on it if no other run of its group has at least its accuracy at no more than its cost,
    one of the two strictly better. Of equal runs all are on it, or none is.

    Args:
        accuracy: (n,), the larger the better.
        cost: (n,), the smaller the better. A run of unknown cost (NaN) is not on the frontier, and
            keeps no other off it.
        group: (n,); runs of different groups are not compared.
    """
    at_least = accuracy >= accuracy[:, None]  # column j against row i
    at_most = cost <= cost[:, None]
    better = (accuracy > accuracy[:, None]) | (cost < cost[:, None])
    beaten = at_least & at_most & better & (group == group[:, None])
    return ~beaten.any(axis=1) & ~np.isnan(cost)
