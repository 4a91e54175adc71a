"""The paired test against statsmodels, the paired interval against published tables."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference

from pipeline.checks import StudyError
from pipeline.statistics.significance import McNemar, mcnemar


@pytest.mark.parametrize("table", [(59, 6, 16, 80), (1, 1, 7, 12), (500, 40, 41, 19), (3, 0, 1, 0)])
def test_p_value_is_the_exact_one(table):
    both, only_first, only_second, neither = table
    expected = reference([[both, only_first], [only_second, neither]], exact=True).pvalue
    assert McNemar(*table).p_value == pytest.approx(expected, rel=1e-12)


def test_p_value_by_hand():
    # one of eight differing images for the first run: 2 * (1 + 8) / 2**8
    assert McNemar(1, 1, 7, 12).p_value == pytest.approx(2 * 9 / 256)


@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    [
        # Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables (2017), chapter 8,
        # Cavo et al. 2012 and Bentur et al. 2009, Newcombe square-and-add
        ((59, 6, 16, 80), -0.0621, -0.1186, -0.0046),
        ((1, 1, 7, 12), -0.286, -0.507, -0.026),
        # Altman et al.: Statistics with Confidence (2000), table 6.2
        ((14, 5, 0, 22), 0.122, 0.011, 0.226),
    ],
)
def test_interval_of_published_examples(table, difference, low, high):
    digits = 4 if abs(difference) == 0.0621 else 3
    pair = McNemar(*table)
    interval = pair.interval()
    assert round(pair.difference, digits) == difference
    assert (round(interval.low, digits), round(interval.high, digits)) == (low, high)


def test_interval_covers_and_is_narrower_than_for_unpaired_runs():
    """Simulated pairs of equally good, correlated runs: the interval holds 0 in about 95%."""
    rng = np.random.default_rng(3)
    covered, widths = 0, []
    for _ in range(400):
        hard = rng.random(300)
        first = hard + 0.1 * rng.standard_normal(300) < 0.7
        second = hard + 0.1 * rng.standard_normal(300) < 0.7
        interval = mcnemar(first, second).interval()
        covered += 0 in interval
        widths.append(interval.high - interval.low)
    assert 0.92 <= covered / 400 <= 0.99
    unpaired = 2 * 1.96 * np.sqrt(2 * 0.7 * 0.3 / 300)
    assert np.mean(widths) < 0.8 * unpaired


def test_swapping_the_runs_flips_the_sign():
    there, back = McNemar(30, 9, 4, 7), McNemar(30, 4, 9, 7)
    assert there.difference == -back.difference
    assert there.p_value == back.p_value
    assert there.interval().low == pytest.approx(-back.interval().high)


@pytest.mark.parametrize("table", [(10, 0, 0, 0), (0, 0, 0, 10), (0, 10, 0, 0), (5, 5, 0, 0)])
def test_empty_margins_stay_inside_bounds(table):
    interval = McNemar(*table).interval()
    assert -1 <= interval.low <= McNemar(*table).difference <= interval.high <= 1


def test_runs_that_never_differ():
    assert McNemar(90, 0, 0, 10).p_value == 1.0


def test_counts_from_arrays():
    first = np.array([True, True, False, False, True])
    second = np.array([True, False, True, False, True])
    assert mcnemar(first, second) == McNemar(both=2, only_first=1, only_second=1, neither=1)


def test_unpaired_arrays_are_refused():
    with pytest.raises(StudyError, match="same images"):
        mcnemar(np.ones(3, dtype=bool), np.ones(4, dtype=bool))
