"""Reliability curves and the expected calibration error, by hand and by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.statistics.reliability import (
    Confidences,
    calibration_error_intervals,
    confidences,
    reliability_curve,
)


def looped_error(confidence, correct, bins):
    total = 0.0
    for m in range(bins):
        inside = [i for i, c in enumerate(confidence) if m / bins < c <= (m + 1) / bins]
        if inside:
            sure = sum(confidence[i] for i in inside) / len(inside)
            right = sum(bool(correct[i]) for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(right - sure)
    return total


def test_by_hand():
    """Two bins: 0.4 and 0.5, one right: |0.5 - 0.45|; 0.7, 0.8 and 0.9, one right: |1/3 - 0.8|."""
    found = Confidences(
        np.array([0.4, 0.5, 0.7, 0.8, 0.9]), np.array([True, False, False, True, False])
    )
    curve = reliability_curve(found, bins=2)
    assert curve.n.tolist() == [2, 3]
    assert curve.confidence == pytest.approx([0.45, 0.8])
    assert curve.accuracy == pytest.approx([1 / 2, 1 / 3])
    assert (curve.low.tolist(), curve.high.tolist()) == ([0, 0.5], [0.5, 1])
    expected = 2 / 5 * 0.05 + 3 / 5 * (0.8 - 1 / 3)
    assert curve.expected_calibration_error == pytest.approx(expected)


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_error_is_that_of_a_loop(rng, bins):
    confidence = rng.beta(4, 1, 700)
    confidence[:3] = [1.0, 1e-9, 0.5]
    correct = rng.random(700) < confidence**2
    curve = reliability_curve(Confidences(confidence, correct), bins)
    assert curve.n.sum() == 700
    expected = looped_error(confidence, correct, bins)
    assert curve.expected_calibration_error == pytest.approx(expected)


def test_empty_bins_have_no_mean_and_count_nothing():
    curve = reliability_curve(Confidences(np.full(4, 0.99), np.array([True] * 3 + [False])))
    assert np.isnan(curve.accuracy[:-1]).all()
    assert curve.n.tolist() == [0] * 14 + [4]
    assert curve.expected_calibration_error == pytest.approx(0.24)


def test_the_likeliest_class_is_held_against_the_label():
    found = confidences(np.array([[0.2, 0.8], [0.5, 0.5], [0.6, 0.4]], dtype=np.float32),
                        np.array([1, 0, 1]))  # fmt: skip
    assert found.confidence == pytest.approx([0.8, 0.5, 0.6])
    assert found.correct.tolist() == [True, True, False]


def over_confident(rng, n, by):
    confidence = rng.beta(5, 1.5, n)
    return Confidences(confidence, rng.random(n) < confidence * (1 - by))


def test_an_interval_holds_the_true_error_nearly_always(rng):
    """Of 60 studies of 1,000 images of a run that is 10% too sure of all it says."""
    true = 0.1 * 5 / 6.5  # a tenth of the mean of the beta distribution
    held = sum(
        true in calibration_error_intervals([over_confident(rng, 1000, 0.1)], k, 300)[0]
        for k in range(60)
    )
    assert held >= 52


def test_intervals_of_several_runs_are_those_of_each(rng):
    several = [over_confident(rng, 300, by) for by in (0, 0.2)]
    together = calibration_error_intervals(several, 4, 200)
    assert together == [calibration_error_intervals([each], 4, 200)[0] for each in several]
    assert together[0].low >= 0
    assert together[1].low > together[0].high


def test_intervals_mirror_the_percentiles_of_resampled_errors(rng):
    from pipeline.statistics.bootstrap import resample_counts

    found = over_confident(rng, 120, 0.3)
    errors = []
    for counts in np.concatenate(list(resample_counts(120, 9, 150))):
        rows = np.repeat(np.arange(120), counts.astype(int))
        errors.append(looped_error(found.confidence[rows], found.correct[rows], 15))
    here = looped_error(found.confidence, found.correct, 15)
    low, high = np.percentile(errors, [2.5, 97.5])
    interval = calibration_error_intervals([found], 9, 150)[0]
    assert interval.low == pytest.approx(2 * here - high)
    assert interval.high == pytest.approx(2 * here - low)


def test_arrays_that_do_not_pair():
    with pytest.raises(StudyError, match="found 2 probabilities and 1 outcomes"):
        Confidences(np.array([0.5, 0.6]), np.array([True]))
