"""Temperature scaling where the answer is known, and scores against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from pipeline.statistics.temperature import (
    HIGHEST,
    LOWEST,
    SMALLEST,
    brier_score,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
)


def calibrated(rng, n=20_000, classes=5):
    """Logits, and labels that are drawn from their softmax: they are calibrated at 1."""
    logits = rng.normal(scale=2, size=(n, classes))
    share = softmax(logits, axis=1)
    labels = (rng.random((n, 1)) > share.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    return logits, labels


@pytest.mark.parametrize("factor", [3.0, 1.0, 0.5])
def test_logits_that_were_multiplied_are_divided_again(rng, factor):
    logits, labels = calibrated(rng)
    shares = softmax(logits * factor, axis=1).astype(np.float32)
    assert fit_temperature(shares, labels) == pytest.approx(factor, rel=0.03)


def test_the_temperature_is_that_of_a_grid(rng):
    logits, labels = calibrated(rng, 300)
    shares = softmax(logits * 1.7, axis=1)
    grid = np.exp(np.linspace(-1, 2, 601))
    losses = [log_loss(labels, softmax(np.log(shares) / t, axis=1)) for t in grid]
    assert fit_temperature(shares, labels) == pytest.approx(grid[np.argmin(losses)], abs=5e-3)


def test_probabilities_serve_as_well_as_logits(rng):
    logits, _ = calibrated(rng, 50)
    shares = softmax(logits, axis=1)
    expected = softmax(logits / 2.5, axis=1)
    assert np.exp(log_probabilities(shares, 2.5)) == pytest.approx(expected)
    assert np.exp(log_probabilities(shares)) == pytest.approx(shares)


def test_probabilities_of_nothing_cost_much_and_not_everything():
    shares = np.array([[1, 0, 0], [0, 0.25, 0.75]], dtype=np.float32)
    logarithms = log_probabilities(shares)
    assert np.isfinite(logarithms).all()
    assert logarithms[0, 1] == pytest.approx(np.log(SMALLEST))
    assert negative_log_likelihood(logarithms, np.array([1, 2])) == pytest.approx(
        (87.34 - np.log(0.75)) / 2, abs=0.01
    )
    for temperature in (LOWEST, HIGHEST):
        assert np.isfinite(log_probabilities(shares, temperature)).all()
    assert LOWEST < fit_temperature(shares, np.array([1, 2])) < HIGHEST


def test_a_run_that_is_always_right_stays_in_bounds(rng):
    labels = rng.integers(0, 3, 40)
    shares = np.full((40, 3), 0.2)
    shares[np.arange(40), labels] = 0.6
    assert LOWEST <= fit_temperature(shares, labels) < 0.1
    assert 10 < fit_temperature(shares, (labels + 1) % 3) <= HIGHEST


def test_scores_are_those_of_scikit_learn(rng):
    logits, labels = calibrated(rng, 200)
    shares = softmax(logits * 2, axis=1)
    assert negative_log_likelihood(log_probabilities(shares), labels) == pytest.approx(
        log_loss(labels, shares)
    )
    assert brier_score(shares, labels) == pytest.approx(
        brier_score_loss(labels, shares, labels=np.arange(5), scale_by_half=False)
    )
    assert brier_score(np.array([[1.0, 0.0]]), np.array([1])) == 2
