"""Standardisation, against NumPy on the whole array."""

import numpy as np

from pipeline.deep.input import preprocessing
from pipeline.deep.input.preprocessing import standardisation


def test_equals_numpy_in_blocks(monkeypatch):
    monkeypatch.setattr(preprocessing, "BLOCK_VALUES", 100)
    features = np.random.default_rng(0).normal(1000, [1, 5, 0.1], (57, 3)).astype(np.float32)
    layer = standardisation(features)
    wide = features.astype(np.float64)
    np.testing.assert_allclose(np.ravel(layer.input_mean), wide.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(np.ravel(layer.input_variance), wide.var(axis=0), rtol=1e-6)


def test_a_channel_that_never_varies_is_not_blown_up():
    features = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    features[:, 1] = 0
    odd = np.array([[0.0, 0.5]], np.float32)
    assert np.asarray(standardisation(features)(odd))[0, 1] == 0.5
