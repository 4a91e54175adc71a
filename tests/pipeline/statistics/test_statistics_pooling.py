"""The log-linear pool against statsmodels' conditional logit, and where it has to give up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from statsmodels.discrete.conditional_models import ConditionalLogit

from pipeline.statistics.pooling import HEAVIEST, RAREST, LogLinearPool, fit_pool


def two_runs(rng, n=400, classes=4):
    """Two noisy views of the same labels, the second one poorer and much too sure."""
    labels = rng.integers(0, classes, n)
    views = []
    for signal, factor in ((2.0, 1.0), (1.0, 3.0)):
        logits = rng.normal(size=(n, classes))
        logits[np.arange(n), labels] += signal
        views.append(softmax(logits * factor, axis=1))
    return views, labels


def test_weights_are_those_of_a_conditional_logit(rng):
    views, labels = two_runs(rng)
    n, classes = views[0].shape
    chosen = (np.arange(classes) == labels[:, None]).ravel().astype(float)
    logarithms = np.stack([np.log(np.maximum(view, RAREST)).ravel() for view in views], axis=1)
    model = ConditionalLogit(chosen, logarithms, groups=np.repeat(np.arange(n), classes))
    expected = model.fit(disp=False).params
    assert fit_pool(views, labels).weights == pytest.approx(expected, rel=1e-3)


def test_the_pool_beats_each_view_and_sees_who_is_too_sure(rng):
    views, labels = two_runs(rng, n=4000)
    pool = fit_pool([view[:2000] for view in views], labels[:2000])
    rest = [view[2000:] for view in views]
    right = np.mean(pool.predict(rest) == labels[2000:])
    assert right > max(np.mean(view.argmax(axis=1) == labels[2000:]) for view in rest) + 0.02
    assert pool.weights[1] < 0.5 * pool.weights[0]


def test_a_view_of_noise_gets_no_say(rng):
    views, labels = two_runs(rng)
    noise = rng.dirichlet(np.ones(4), len(labels))
    assert fit_pool([views[0], noise], labels).weights[1] < 0.15


def test_weights_are_bounded_where_all_is_right():
    labels = np.array([0, 1, 2, 1])
    sure = np.where(np.eye(3, dtype=bool)[labels], 0.9, 0.05)
    pool = fit_pool([sure, np.full((4, 3), 1 / 3)], labels)
    assert max(pool.weights) <= HEAVIEST
    assert pool.predict([sure, sure]).tolist() == labels.tolist()


def test_a_pool_of_equal_weights_is_the_geometric_mean():
    one, other = np.array([[0.5, 0.3, 0.2]]), np.array([[0.1, 0.5, 0.4]])
    assert LogLinearPool((0.5, 0.5)).predict([one, other]).tolist() == [1]  # 0.05, 0.15, 0.08


def test_hundred_classes_and_probabilities_of_nothing(rng):
    labels = rng.integers(0, 100, 300)
    shares = np.zeros((300, 100), dtype=np.float32)
    shares[np.arange(300), np.where(rng.random(300) < 0.7, labels, 0)] = 1
    other = rng.dirichlet(np.ones(100), 300).astype(np.float32)
    assert np.isfinite(fit_pool([shares, other], labels).weights).all()
