"""The bootstrap against SciPy's, and against what a mean's standard error must be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import csr_array

from pipeline.checks import StudyError
from pipeline.statistics import bootstrap
from pipeline.statistics.bootstrap import resample_counts, resampled_means


def paired_runs(rng, n=400):
    """(n, 3): the first two alike on most images, the third a mean over three seeds."""
    first = rng.random(n) < 0.8
    second = np.where(rng.random(n) < 0.85, first, rng.random(n) < 0.5)
    third = (rng.random((n, 3)) < 0.6).mean(axis=1)
    return np.stack([first, second, third], axis=1).astype(float)


def test_intervals_are_those_of_scipy(rng):
    values = paired_runs(rng)
    found = resampled_means(values, seed=1, resamples=10_000)
    for first, second in ((0, 1), (0, 2), (2, 1)):
        expected = stats.bootstrap(
            (values[:, first], values[:, second]),
            lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
            paired=True,
            vectorized=True,
            n_resamples=10_000,
            batch=1000,
            method="percentile",
            rng=np.random.default_rng(7),
        ).confidence_interval
        interval = found.difference_interval(first, second)
        # Both are random: an edge moves by some hundredths of the width.
        width = expected.high - expected.low
        assert interval.low == pytest.approx(expected.low, abs=0.06 * width)
        assert interval.high == pytest.approx(expected.high, abs=0.06 * width)


def test_the_spread_is_the_standard_error_of_a_paired_difference(rng):
    values = paired_runs(rng)
    means = resampled_means(values, seed=3, resamples=10_000).means
    difference = values[:, 0] - values[:, 1]
    expected = difference.std() / np.sqrt(len(values))
    assert (means[:, 0] - means[:, 1]).std() == pytest.approx(expected, rel=0.03)
    unpaired = np.sqrt(values[:, 0].var() + values[:, 1].var()) / np.sqrt(len(values))
    assert expected < 0.8 * unpaired  # or pairing would not show


def test_resamples_are_whole_the_same_for_a_seed_and_for_any_block(rng, monkeypatch):
    counts = np.concatenate(list(resample_counts(50, 5, 70)))
    assert counts.shape == (70, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert 0.3 < (counts == 0).mean() < 0.42  # (1 - 1/50)^50 = 0.364
    monkeypatch.setattr(bootstrap, "AT_ONCE", 333)
    again = np.concatenate(list(resample_counts(50, 5, 70)))
    assert (again == counts).all()
    assert not (np.concatenate(list(resample_counts(50, 6, 70))) == counts).all()


def test_means_are_those_of_the_counted_images(rng):
    values = rng.normal(size=(30, 4))
    counts = np.concatenate(list(resample_counts(30, 2, 20)))
    drawn = [np.repeat(np.arange(30), each.astype(int)) for each in counts]
    expected = np.array([values[rows].mean(axis=0) for rows in drawn])
    assert resampled_means(values, 2, 20).means == pytest.approx(expected)
    assert resampled_means(csr_array(values), 2, 20).means == pytest.approx(expected)


def test_equal_runs_have_an_interval_of_no_width(rng):
    values = np.repeat(rng.random((90, 1)) < 0.5, 2, axis=1)
    interval = resampled_means(values, 0, 200).difference_interval(0, 1)
    assert (interval.low, interval.high) == (0, 0)


def test_no_image():
    with pytest.raises(StudyError, match="no image"):
        resampled_means(np.zeros((0, 2)), 0)
