"""The power of McNemar's test, against a published table and by simulation."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.statistics.power import detectable_difference, images_needed


def test_images_needed_by_hand():
    """With z of 1.96 and 0.84: (1.96 sqrt(0.2) + 0.84 sqrt(0.2 - 0.01))^2 / 0.01."""
    expected = (1.959964 * math.sqrt(0.2) + 0.841621 * math.sqrt(0.19)) ** 2 / 0.01
    assert images_needed(0.1, 0.2) == math.ceil(expected) == 155


def test_the_two_are_inverse():
    for n in (200, 1000, 10_000):
        found = detectable_difference(n, 0.15)
        assert images_needed(found, 0.15) <= n < images_needed(found * 0.98, 0.15)


def test_half_the_difference_takes_about_four_times_the_images():
    found = detectable_difference(2000, 0.1)
    assert images_needed(found / 2, 0.1) / 2000 == pytest.approx(4, rel=0.05)


def test_too_few_differing_images_show_nothing():
    assert math.isnan(detectable_difference(100, 0.03))
    assert math.isnan(detectable_difference(1000, 0.0))
    assert math.isnan(images_needed(0.1, 0.05))


def test_power_by_simulation():
    n, discordance = 800, 0.12
    difference = detectable_difference(n, discordance)
    first, second = (discordance + difference) / 2, (discordance - difference) / 2
    rng = np.random.default_rng(0)
    b, c, _ = rng.multinomial(n, [first, second, 1 - discordance], 20_000).T
    found = np.abs(b - c) / np.sqrt(b + c) > norm.ppf(0.975)
    assert found.mean() == pytest.approx(0.8, abs=0.02)
