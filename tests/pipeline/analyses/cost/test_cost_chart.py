"""The cost charts' axis."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.analyses.cost.chart import MOST_TICKS, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (94, 312, [100, 200]),
        (0.02, 0.9, [0.02, 0.05, 0.1, 0.2, 0.5]),
        (7, 4000, [10, 30, 100, 300, 1000, 3000]),
        (3e4, 2e8, [1e5, 1e6, 1e7, 1e8]),
        (1e-3, 1e8, [1e-3, 0.1, 10, 1e3, 1e5, 1e7]),
        (61_706, 62_000, [62_000]),
        (2.1, 2.9, [2.1, 2.9]),
        (100, 100, [100]),
    ],
)
def test_ticks_are_round_and_few(low, high, expected):
    assert ticks(low, high) == expected


def test_ticks_of_any_range(rng):
    for _ in range(300):
        low, high = np.sort(10 ** rng.uniform(-6, 12, 2))
        found = ticks(low, high)
        assert 1 <= len(found) <= MOST_TICKS
        assert found == sorted(found)
