"""A limit is exceeded by the stated share of new values."""

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.statistics.conformal import upper_limit


def test_it_is_the_rank_of_split_conformal_prediction():
    values = np.random.default_rng(0).permutation(np.arange(1.0, 100))
    assert upper_limit(values, 0.05) == 95  # the 95th of 99: ceil(100 * 0.95)
    assert upper_limit(values[values < 40], 0.05) == 38
    assert upper_limit(np.arange(10.0), 0.05) == 9, "of few values it is the largest"


@pytest.mark.parametrize("n", [19, 60, 500])
def test_the_share_holds_for_any_distribution(n):
    rng = np.random.default_rng(n)
    exceeded = []
    for _ in range(2000):
        *values, new = rng.pareto(0.7, n + 1)
        exceeded.append(new > upper_limit(np.array(values), 0.05))
    assert 0.03 < np.mean(exceeded) <= 0.065


def test_without_values_there_is_none():
    with pytest.raises(StudyError, match="found no values"):
        upper_limit(np.array([]), 0.05)
