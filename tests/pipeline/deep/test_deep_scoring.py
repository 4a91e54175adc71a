"""What is measured on the scores."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from pipeline.deep.scoring import accuracy, class_scores, cross_entropy


def test_cross_entropy_equals_scikit_learn():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(0, 4, 50)
    expected = log_loss(labels, scores, labels=range(4))
    assert cross_entropy(scores, labels) == pytest.approx(expected)


def test_one_certain_mistake_is_not_infinite():
    assert cross_entropy(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-7))


def test_accuracy_and_two_columns_of_one_unit():
    scores = class_scores(np.array([[0.9], [0.2], [0.6]], np.float32))
    np.testing.assert_allclose(scores, [[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], atol=1e-6)
    assert accuracy(scores, np.array([1, 0, 0])) == pytest.approx(2 / 3)
