"""The standardization with its mean and variance as weights."""

import keras
import numpy as np

from pipeline.deep.architectures.transfer.feature_scaling import (
    fitted_standardization,
    frozen_standardization,
)
from pipeline.deep.input.preprocessing import standardization


def features(dtype=np.float32):
    rng = np.random.default_rng(0)
    values = rng.gamma(0.5, 40, (300, 12)) * np.logspace(-3, 2, 12)
    values[:, 4] = 7.5  # never varies
    return values.astype(dtype)


def test_equals_numpy_and_the_layer_of_pixels():
    values = features()
    deviation = np.where(np.arange(12) == 4, 1, values.std(axis=0, dtype=np.float64))
    expected = (values - values.mean(axis=0, dtype=np.float64)) / deviation
    found = keras.ops.convert_to_numpy(fitted_standardization(values)(values))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    same = keras.ops.convert_to_numpy(standardization(values)(values))
    np.testing.assert_allclose(found, same, atol=2e-5)


def test_half_precision_features_are_summed_in_full_precision():
    values = np.full((5000, 2), 60_000, np.float16)
    values[::2] = 59_000
    layer = fitted_standardization(values)
    np.testing.assert_allclose(layer.get_weights()[0], values.astype(np.float64).mean(axis=0))


def test_training_does_not_change_its_weights():
    values = features()
    layer = fitted_standardization(values)
    before = layer.get_weights()
    model = keras.Sequential([keras.Input((12,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(values[:50], np.zeros(50), epochs=2, verbose=0)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert len(model.trainable_weights) == 2


def test_its_weights_can_be_transferred():
    fitted = fitted_standardization(features())
    other = frozen_standardization()
    other.build((None, 12))
    other.set_weights(fitted.get_weights())
    values = features(np.float16)
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(x(values)) for x in (fitted, other)))
