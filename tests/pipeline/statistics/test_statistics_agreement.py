"""Agreement of two runs, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pipeline.statistics.agreement import agree


def test_by_hand():
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    first = np.array([0, 1, 1, 1, 2, 2, 0, 0])
    second = np.array([0, 1, 0, 1, 2, 1, 2, 1])
    found = agree(first, second, labels, 3)
    assert found.agreement == 4 / 8  # images 0, 1, 3, 4; of these image 1 wrong
    assert found.both_right == 3 / 8
    assert found.oracle == 6 / 8  # and 2, 5 by the first or 6 by the second
    assert found.error_overlap == 2 / 5  # 1 and 7, of 1, 2, 5, 6, 7


def test_by_hand_counts():
    labels = np.zeros(10, dtype=int)
    first = np.array([0] * 6 + [1] * 4)
    second = np.array([0] * 4 + [1] * 4 + [0] * 2)
    found = agree(first, second, labels, 2)
    assert (found.both_right, found.oracle) == (0.4, 0.8)
    assert found.error_overlap == pytest.approx(2 / 6)


@pytest.mark.parametrize("classes", [2, 10])
def test_kappa_is_that_of_scikit_learn(rng, classes):
    first = rng.integers(0, classes, 500)
    second = np.where(rng.random(500) < 0.6, first, rng.integers(0, classes, 500))
    found = agree(first, second, rng.integers(0, classes, 500), classes)
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert found.agreement == np.mean(first == second)


def test_textbook_example_of_kappa():
    """50 applications, two readers: 20 times both yes, 15 times both no; kappa is 0.4."""
    table = np.array([[20, 5], [10, 15]])
    first, second = (np.repeat(axis, table.ravel()) for axis in np.indices((2, 2)).reshape(2, -1))
    assert agree(first, second, first, 2).kappa == pytest.approx(0.4)


def test_what_cannot_be_told_is_no_number():
    always = np.zeros(5, dtype=int)
    found = agree(always, always, always, 2)
    assert np.isnan(found.kappa)
    assert np.isnan(found.error_overlap)
    assert (found.agreement, found.oracle, found.both_right) == (1, 1, 1)
