"""Predicting in batches."""

import keras
import numpy as np
import pytest

from pipeline.inference import predict, prediction_batch


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
