"""Predicting in batches, and what is measured on the scores."""

import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from pipeline.deep.scoring import (
    accuracy,
    class_scores,
    cross_entropy,
    predict,
    prediction_batch,
)


def test_large_layers_are_predicted_in_small_batches():
    big = keras.Sequential([keras.Input((256, 256, 3)), keras.layers.Conv2D(64, 1)])
    assert prediction_batch(big) == 8
    outputs = predict(big, np.ones((11, 256, 256, 3), np.uint8))
    assert outputs.shape == (11, 256, 256, 64)
    np.testing.assert_array_equal(outputs[0], outputs[-1])


@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 20])
def test_batches_of_any_size_give_every_image_its_own_output(n):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(2.0)])
    inputs = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    seen = []
    np.testing.assert_array_equal(predict(model, inputs, 8, seen.append), 2 * inputs)
    assert seen[-1] == n


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
