"""The metrics of a learning curve."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from pipeline.deep.training.scoring import (
    accuracy,
    balanced_cross_entropy,
    cross_entropy,
    macro_f1,
    measure,
)


def test_cross_entropy_equals_scikit_learn():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(0, 4, 50)
    expected = log_loss(labels, scores, labels=range(4))
    assert cross_entropy(scores, labels) == pytest.approx(expected)


def test_one_confident_mistake_is_not_infinite():
    assert cross_entropy(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-7))


def test_accuracy_by_hand():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    assert accuracy(scores, np.array([1, 0, 0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("present", [6, 4, 1])
def test_macro_f1_equals_scikit_learn_even_without_some_classes(present):
    rng = np.random.default_rng(present)
    scores = rng.dirichlet(np.ones(6), 80)
    scores[:, 5] = 0
    labels = rng.integers(0, present, 80)
    expected = f1_score(
        labels, scores.argmax(axis=1), average="macro", labels=range(6), zero_division=0
    )
    assert macro_f1(scores, labels) == pytest.approx(expected)


def test_macro_f1_by_hand():
    scores = np.eye(3)[[0, 0, 1, 1]]
    assert macro_f1(scores, np.array([0, 1, 1, 1])) == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


def test_balanced_cross_entropy_is_the_mean_of_those_of_the_classes():
    rng = np.random.default_rng(3)
    scores, labels = rng.dirichlet(np.ones(4), 60), np.repeat([0, 1, 3], [50, 8, 2])
    each = [cross_entropy(scores[labels == k], labels[labels == k]) for k in (0, 1, 3)]
    assert balanced_cross_entropy(scores, labels) == pytest.approx(np.mean(each))


def test_measure_is_all_of_them():
    rng = np.random.default_rng(2)
    scores, labels = rng.dirichlet(np.ones(3), 40), rng.integers(0, 3, 40)
    found = measure(scores, labels)
    assert found.loss == cross_entropy(scores, labels)
    assert found.accuracy == accuracy(scores, labels)
    assert found.macro_f1 == macro_f1(scores, labels)
    assert found.balanced_loss == balanced_cross_entropy(scores, labels)
    assert found.balanced_accuracy == pytest.approx(
        balanced_accuracy_score(labels, scores.argmax(axis=1))
    )
