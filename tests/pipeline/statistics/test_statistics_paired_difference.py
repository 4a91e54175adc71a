"""Differences of two runs on the same images, against published values and by simulation."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from pipeline.statistics.paired_difference import (
    balanced_difference,
    non_inferiority_p_value,
    score_interval,
    score_statistic,
)
from pipeline.statistics.significance import McNemar


def counts(only_first, only_second, n):
    both = (n - only_first - only_second) // 2
    return McNemar(both, only_first, only_second, n - only_first - only_second - both)


@pytest.mark.parametrize(
    ("only_first", "only_second", "n", "confidence", "low", "high"),
    [
        # scoreci.mp(1, 7, 21) of the R package PropCIs, as in the examples of ratesci
        (1, 7, 21, 0.95, -0.517, -0.026),
        # scoreci.mp(25, 28, 618, 0.9), likewise
        (28, 25, 618, 0.9, -0.0148, 0.0247),
    ],
)
def test_tangos_interval_of_published_examples(only_first, only_second, n, confidence, low, high):
    found = score_interval(counts(only_first, only_second, n), confidence)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize(("only_first", "only_second"), [(12, 5), (0, 7), (30, 30)])
def test_without_a_difference_it_is_mcnemars_statistic(only_first, only_second):
    expected = (only_first - only_second) / np.sqrt(only_first + only_second)
    found = score_statistic(counts(only_first, only_second, 200), 0.0)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("difference", [-0.1, -0.01, 0.03, 0.2])
def test_the_variance_is_that_of_the_likeliest_hypothesis(difference):
    """It is found here by a search instead of a formula."""
    b, c, n = 14, 9, 150

    def loss(q):
        cells = np.array([q + difference, q, 1 - 2 * q - difference])
        return -np.array([b, c, n - b - c]) @ np.log(np.maximum(cells, 1e-300))

    bounds = (max(0, -difference), (1 - difference) / 2)
    q = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    error = np.sqrt(n * (2 * q + difference - difference**2))
    expected = (b - c - n * difference) / error
    assert score_statistic(counts(b, c, n), difference) == pytest.approx(expected, rel=1e-4)


def test_runs_that_never_differ_are_shown_to_be_close_only_with_enough_images():
    """With no discordant pair, the score limit is z^2 / (n + z^2), as Wilson's."""
    found = score_interval(counts(0, 0, 400))
    assert found.high == pytest.approx(1.96**2 / (400 + 1.96**2), abs=1e-5)
    assert non_inferiority_p_value(counts(0, 0, 300), 0.01) > 0.025
    assert non_inferiority_p_value(counts(0, 0, 400), 0.01) < 0.025


def test_the_test_of_the_margin_agrees_with_the_interval():
    found = counts(40, 52, 2000)
    low = score_interval(found).low
    assert non_inferiority_p_value(found, -low) == pytest.approx(0.025, abs=1e-6)
    assert (
        non_inferiority_p_value(found, -low + 0.002)
        < 0.025
        < non_inferiority_p_value(found, -low - 0.002)
    )


def test_the_test_of_the_margin_keeps_its_level():
    """Runs that are worse by exactly the margin are rarely said to be within it."""
    rng = np.random.default_rng(0)
    said = 0
    for _ in range(2000):
        b, c, _ = rng.multinomial(1000, [0.02, 0.03, 0.95])
        said += non_inferiority_p_value(counts(b, c, 1000), 0.01) < 0.025
    assert 0.012 < said / 2000 < 0.037


def test_balanced_difference_by_hand():
    labels = np.array([0] * 8 + [1] * 2)
    first = np.array([1, 1, 1, 1, 1, 1, 1, 0, 1, 1], bool)
    second = np.array([1, 1, 1, 1, 1, 0, 0, 1, 1, 0], bool)
    found = balanced_difference(first, second, labels)
    assert found.difference == pytest.approx((1 / 8 + 1 / 2) / 2)
    # with half an image more in each cell: 2.5 and 1.5 of 10, 1.5 and 0.5 of 4
    assert found.shrunk == pytest.approx((0.1 + 0.25) / 2)
    variances = [(0.4 - 0.01) / 10, (0.5 - 0.0625) / 4]
    assert found.standard_error == pytest.approx(np.sqrt(sum(variances)) / 2)
    assert found.non_inferiority_p_value(0.1) == pytest.approx(
        norm.sf(0.275 / found.standard_error)
    )
    assert found.difference in found.interval()


def test_balanced_differences_keep_their_level_with_a_small_class():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [400, 30])
    found = []
    for _ in range(1500):
        easy = rng.random(430) < 0.7
        one, other = (easy | (rng.random(430) < 0.4) for _ in range(2))
        found.append(balanced_difference(one, other, labels).p_value)
    assert 0.015 < np.mean(np.array(found) < 0.05) < 0.065
