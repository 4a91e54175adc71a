"""Resamples of draws and images: means, their spread, and whether intervals are right."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_curves import right

from pipeline.checks import StudyError
from pipeline.statistics.bootstrap import resampled_means
from pipeline.statistics.draws import resampled_draws


def test_means_and_centers():
    values = right(np.random.default_rng(0), [[0.3, 0.8]], 5, 400)[0]
    found = resampled_draws(values, 0)
    np.testing.assert_allclose(found.means, values.mean(axis=(1, 2)))
    np.testing.assert_allclose(found.replicates.mean(axis=0), found.means, atol=0.003)
    for column, mean in enumerate(found.means):
        assert mean in found.interval(column)


def test_equal_draws_leave_the_spread_of_images():
    """As of a deterministic classifier on all images: the usual bootstrap of images."""
    values = np.repeat(np.random.default_rng(0).random((1, 1, 300)) < 0.7, 5, axis=1)
    found = resampled_draws(values, 3, 2000)
    usual = resampled_means(values[0, 0, :, None].astype(float), 3, 2000)
    np.testing.assert_allclose(found.replicates, usual.means, atol=1e-12)


def test_equal_images_leave_the_spread_of_draws():
    """Student's t with D - 1 degrees of freedom, as of the mean of D numbers."""
    from scipy.stats import t

    means = np.array([0.2, 0.4, 0.5, 0.55, 0.6])
    found = resampled_draws(np.repeat(means[None, :, None], 50, axis=2), 0, 40_000)
    half = t.ppf(0.975, 4) * means.std(ddof=1) / np.sqrt(5)
    interval = found.interval(0)
    assert interval.high - means.mean() == pytest.approx(half, rel=0.03)
    assert means.mean() - interval.low == pytest.approx(half, rel=0.03)


def test_columns_vary_together():
    values = right(np.random.default_rng(0), [[0.5]], 5, 200)[0]
    found = resampled_draws(np.concatenate([values, values]), 0)
    np.testing.assert_array_equal(found.replicates[:, 0], found.replicates[:, 1])


def test_one_draw_says_nothing_of_others():
    with pytest.raises(StudyError, match="found 1 draw; expected at least two"):
        resampled_draws(np.ones((2, 1, 9)), 0)
