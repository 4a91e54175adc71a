"""Curves of two classes and their areas, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pipeline.statistics.ranking import (
    area_under_curve,
    average_precision_intervals,
    thresholds,
)

POSITIVE = np.array([True, True, False, True, False, False])
SCORES = np.array([0.9, 0.8, 0.8, 0.4, 0.3, 0.2])


def drawn(n=300, share=0.2, apart=1.0, seed=0):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < share
    return np.round(rng.normal(size=n) + apart * positive, 1), positive


def test_thresholds_by_hand():
    found = thresholds(SCORES, POSITIVE)
    assert found.threshold.tolist() == [0.9, 0.8, 0.4, 0.3, 0.2]
    assert found.found.tolist() == [1, 2, 3, 3, 3]
    assert found.alarms.tolist() == [0, 1, 1, 2, 3]
    assert found.precision == pytest.approx([1, 2 / 3, 3 / 4, 3 / 5, 1 / 2])


@pytest.mark.parametrize(
    ("cost", "threshold"),
    # misses and false alarms: (2, 0), (1, 1), (0, 1), (0, 2), (0, 3); none: (3, 0)
    [(1, 0.4), (10, 0.4), (0.4, 0.9), (1e-3, 0.9)],
)
def test_the_cheapest_threshold_by_hand(cost, threshold):
    assert thresholds(SCORES, POSITIVE).cheapest(cost) == threshold


def test_where_every_alarm_is_false_none_is_cheapest():
    found = thresholds(np.array([0.9, 0.8, 0.1]), np.array([False, False, True]))
    assert found.cheapest(0.5) == np.inf
    assert found.cheapest(5) == 0.1


@pytest.mark.parametrize(("recall", "threshold"), [(0.3, 0.9), (2 / 3, 0.8), (0.7, 0.4), (1, 0.4)])
def test_the_highest_threshold_with_a_recall_by_hand(recall, threshold):
    assert thresholds(SCORES, POSITIVE).reaching(recall) == threshold


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_areas_equal_those_of_scikit_learn_with_ties(share):
    scores, positive = drawn(share=share)
    found = thresholds(scores, positive)
    assert found.average_precision == pytest.approx(average_precision_score(positive, scores))
    area = area_under_curve(scores, positive)
    assert area.value == pytest.approx(roc_auc_score(positive, scores))
    false, true, _ = roc_curve(positive, scores, drop_intermediate=False)
    assert found.recall == pytest.approx(true[1:])
    assert found.false_alarm_rate == pytest.approx(false[1:])


def test_delongs_variance_by_its_definition():
    """Every pair of a positive and a negative image is compared by itself."""
    scores, positive = drawn(60)
    one, other = scores[positive][:, None], scores[~positive][None, :]
    wins = (one > other) + 0.5 * (one == other)
    expected = wins.mean(1).var(ddof=1) / len(one) + wins.mean(0).var(ddof=1) / other.size
    found = area_under_curve(scores, positive)
    assert found.standard_error**2 == pytest.approx(expected)
    # the logit interval, by hand
    half = 1.959964 * found.standard_error / (found.value * (1 - found.value))
    logit = np.log(found.value / (1 - found.value))
    ends = [1 / (1 + np.exp(-(logit + sign * half))) for sign in (-1, 1)]
    assert (found.interval.low, found.interval.high) == pytest.approx(ends)


def test_the_interval_of_a_perfect_area_has_a_width():
    found = area_under_curve(np.arange(30.0), np.arange(30) >= 20)
    assert found.value == 1
    # Clopper and Pearson: 10 of 10
    assert (found.interval.low, found.interval.high) == pytest.approx((0.025**0.1, 1))
    upside_down = area_under_curve(-np.arange(30.0), np.arange(30) >= 20)
    assert upside_down.interval.high == pytest.approx(1 - 0.025**0.1)


def test_intervals_of_average_precision_equal_those_of_drawn_images():
    scores, positive = drawn(200, apart=1.5)
    two = [scores, -scores]
    found = average_precision_intervals(two, positive, seed=0, resamples=4000)
    rng = np.random.default_rng(1)
    members = [np.flatnonzero(positive), np.flatnonzero(~positive)]
    rows = [np.concatenate([rng.choice(m, len(m)) for m in members]) for _ in range(1000)]
    for each, interval in zip(two, found, strict=True):
        values = [average_precision_score(positive[drawn], each[drawn]) for drawn in rows]
        ends = np.quantile(values, [0.025, 0.975])
        assert (interval.low, interval.high) == pytest.approx(ends, abs=0.03)
        assert average_precision_score(positive, each) in interval
