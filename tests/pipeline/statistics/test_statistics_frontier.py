"""The frontier against a loop over all pairs."""

import numpy as np
import pytest

from pipeline.statistics.frontier import on_frontier


@pytest.mark.parametrize("seed", range(20))
def test_the_frontier_is_that_of_a_loop_over_all_pairs(seed):
    rng = np.random.default_rng(seed)
    n = 30
    accuracy, cost = rng.integers(0, 6, n) / 6, rng.integers(0, 6, n).astype(float)  # with ties
    cost[rng.random(n) < 0.1] = np.nan
    group = rng.integers(0, 2, n)
    expected = []
    for i in range(n):
        beaten = any(
            group[j] == group[i]
            and accuracy[j] >= accuracy[i]
            and cost[j] <= cost[i]
            and (accuracy[j] > accuracy[i] or cost[j] < cost[i])
            for j in range(n)
            if j != i
        )
        expected.append(not beaten and not np.isnan(cost[i]))
    assert on_frontier(accuracy, cost, group).tolist() == expected
    assert any(expected)
    assert not all(expected)
