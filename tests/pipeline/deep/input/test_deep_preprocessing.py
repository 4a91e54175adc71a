"""Standardization, compared with NumPy on the whole array."""

import numpy as np

from pipeline.deep.input import preprocessing
from pipeline.deep.input.preprocessing import standardization


def test_equals_numpy_in_blocks(monkeypatch):
    monkeypatch.setattr(preprocessing, "BLOCK_VALUES", 100)
    features = np.random.default_rng(0).normal(1000, [1, 5, 0.1], (57, 3)).astype(np.float32)
    layer = standardization(features)
    wide = features.astype(np.float64)
    np.testing.assert_allclose(np.ravel(layer.input_mean), wide.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(np.ravel(layer.input_variance), wide.var(axis=0), rtol=1e-6)


def test_a_constant_channel_is_not_amplified():
    features = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    features[:, 1] = 0
    odd = np.array([[0.0, 0.5]], np.float32)
    assert np.asarray(standardization(features)(odd))[0, 1] == 0.5
