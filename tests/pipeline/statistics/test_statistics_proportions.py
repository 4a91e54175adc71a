"""Proportions against SciPy's Wilson interval, which is another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import top_k_accuracy_score

from pipeline.checks import StudyError
from pipeline.statistics.proportions import (
    Proportion,
    accuracy,
    mean_interval,
    mean_of,
    mean_proportion,
    predicted_classes,
    top_accuracy,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (7134, 10000), (1, 1)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_interval_is_wilsons(successes, n, confidence):
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    found = Proportion(successes, n).interval(confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_interval_of_a_published_example():
    # Newcombe, Stat. Med. 17, 1998, 857-872, table I: 81 of 263, score method without correction
    interval = Proportion(81, 263).interval()
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_the_interval_of_a_mean_of_one_is_wilsons():
    assert mean_interval([Proportion(7, 10)]) == Proportion(7, 10).interval()


def test_the_interval_of_a_mean_of_a_published_example():
    # Newcombe, Stat. Med. 17, 1998, 873-890, table II, method 10: 56/70 - 48/80 has the interval
    # 0.0524 to 0.3339. With 32 of 80, half the difference is added to one half.
    both = [Proportion(56, 70), Proportion(32, 80)]
    interval = mean_interval(both)
    assert mean_of(both) == pytest.approx(0.6)
    assert 2 * interval.low - 1 == pytest.approx(0.0524, abs=5e-5)
    assert 2 * interval.high - 1 == pytest.approx(0.3339, abs=5e-5)


def test_the_interval_of_a_mean_has_a_width_where_all_are_right():
    interval = mean_interval([Proportion(10, 10), Proportion(500, 500)])
    assert interval.high == 1
    # Wilson's lower limit of n of n is n / (n + z^2); nearly all of the width is the small class's.
    assert interval.low == pytest.approx(1 - 0.5 * (1 - 10 / (10 + 1.96**2)), abs=1e-3)


def test_interval_holds_the_value_and_narrows_with_n():
    small, large = Proportion(7, 10).interval(), Proportion(700, 1000).interval()
    assert 0.7 in small
    assert 0.7 in large
    assert large.high - large.low < small.high - small.low


def test_everything_right_still_has_a_width():
    interval = Proportion(50, 50).interval()
    assert interval.high == 1.0
    assert interval.low < 0.95


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(StudyError, match="expected at least one image"):
        Proportion(successes, n)


def test_ties_go_to_the_lowest_class():
    scores = np.array([[0.5, 0.5, 0.1], [0.0, 0.3, 0.3], [-2.0, -3.0, -1.0]], dtype=np.float32)
    assert predicted_classes(scores).tolist() == [0, 1, 2]


def test_accuracy_counts_equal_entries():
    found = accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]))
    assert (found.successes, found.n, found.value) == (3, 4, 0.75)


def test_seeds_are_averaged_and_add_no_images():
    mean = mean_proportion([Proportion(70, 100), Proportion(75, 100)])
    assert (mean.value, mean.n) == (0.725, 100)
    with pytest.raises(StudyError, match="same images"):
        mean_proportion([Proportion(7, 10), Proportion(7, 20)])


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_accuracy_is_that_of_scikit_learn(rng, k):
    labels = rng.integers(0, 10, 400)
    scores = rng.normal(size=(400, 10)).astype(np.float32)
    scores[np.arange(400), labels] += 1
    expected = top_k_accuracy_score(labels, scores, k=k, labels=np.arange(10))
    assert top_accuracy(scores, labels, k).value == pytest.approx(expected)


def test_of_equal_scores_the_lower_class_comes_first(rng):
    scores = np.array([[1, 1, 1], [0, 1, 1], [2, 0, 0]])
    assert top_accuracy(scores, np.array([1, 2, 1]), 2).successes == 3
    assert top_accuracy(scores, np.array([2, 0, 2]), 2).successes == 0
    rounded = rng.integers(0, 4, (300, 5))
    labels = rng.integers(0, 5, 300)
    assert top_accuracy(rounded, labels, 1) == accuracy(predicted_classes(rounded), labels)
    assert top_accuracy(rounded, labels, 5).value == 1
