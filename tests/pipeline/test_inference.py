"""Predicting in batches."""

import keras
import numpy as np
import pytest

from pipeline import inference
from pipeline.inference import as_seen, predict, prediction_batch
from pipeline.resizing import resize


def convolution(side):
    return keras.Sequential([keras.Input((side, side, 3)), keras.layers.Conv2D(64, 1)])


def test_large_layers_are_predicted_in_small_batches(monkeypatch):
    assert prediction_batch(convolution(256)) == 8
    monkeypatch.setattr(inference, "ACTIVATION_BYTES", inference.ACTIVATION_BYTES // 64)
    network = convolution(32)  # 64 times smaller, and so the same batches take little memory
    assert prediction_batch(network) == 8
    outputs = predict(network, np.ones((11, 32, 32, 3), np.uint8))
    assert outputs.shape == (11, 32, 32, 64)
    np.testing.assert_array_equal(outputs[0], outputs[-1])


@pytest.mark.parametrize("n", [1, 3, 7, 8, 9, 20])
def test_batches_of_any_size_give_every_image_its_own_output(n):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(2.0)])
    inputs = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    seen = []
    np.testing.assert_array_equal(predict(model, inputs, 8, seen.append), 2 * inputs)
    assert seen[-1] == n


def test_images_of_another_size_are_resized_to_that_of_the_model(rng):
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    images = rng.integers(0, 256, (5, 9, 12, 3), dtype=np.uint8)
    by_hand = np.stack([resize(each, 4) for each in images])
    np.testing.assert_array_equal(predict(model, images, 2), by_hand.reshape(5, -1))
    np.testing.assert_array_equal(as_seen(model, images), by_hand)
    assert as_seen(model, by_hand) is by_hand


def test_a_model_for_any_size_gets_images_as_they_are(rng):
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalMaxPooling2D()])
    images = rng.integers(0, 256, (5, 9, 12, 3), dtype=np.uint8)
    np.testing.assert_array_equal(predict(model, images), images.max(axis=(1, 2)))
