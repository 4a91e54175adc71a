"""Derivatives, on the backend that the tests run on."""

import keras
import numpy as np

from pipeline.deep.explain.gradients import gradient


def test_against_differences(rng):
    kernel = rng.normal(size=(4, 3)).astype(np.float32)

    def function(x):
        return keras.ops.sum(keras.ops.tanh(x @ kernel) ** 2)

    at = rng.normal(size=(2, 4)).astype(np.float32)
    expected = np.empty_like(at)
    for place in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[place] = 1e-2
        expected[place] = (float(function(at + step)) - float(function(at - step))) / 2e-2
    np.testing.assert_allclose(gradient(function, at), expected, rtol=0.02, atol=1e-3)


def test_what_does_not_count_has_none():
    found = gradient(lambda x: keras.ops.sum(0 * x[:, 0]), np.ones((2, 2), dtype=np.float32))
    assert found.tolist() == [[0, 0], [0, 0]]
