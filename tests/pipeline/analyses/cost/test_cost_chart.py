"""The cost charts: their axis, and the names in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.cost.chart import MOST_TICKS, draw_frontier, ticks
from pipeline.analyses.cost.view import Frontier


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


@pytest.mark.parametrize(("cost", "is_named"), [(204.0, False), (150.0, True)])
def test_names_do_not_touch_within_the_axis(cost, is_named):
    rows = pd.DataFrame(
        [("color_svm", 3.7, 0.49), ("efficientnet_ridge", cost, 0.893), ("airbench", 596.0, 0.896)],
        columns=["run", "cost", "accuracy"],
    ).assign(family="deep", low=0.5, high=0.9, best=True)
    last = pd.DataFrame([{**rows.iloc[0], "run": "slow", "cost": 2372.0, "best": False}])
    found = Frontier("train_seconds", "Training", "seconds", pd.concat([rows, last]))
    spec = draw_frontier(found).spec
    texts = [each["data"]["name"] for each in spec["layer"] if each["mark"]["type"] == "text"]
    names = {row["run"] for data in texts for row in spec["datasets"][data]}
    assert "airbench" in names
    assert ("efficientnet_ridge" in names) == is_named
