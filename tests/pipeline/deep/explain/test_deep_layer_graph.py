"""The layers of a network as a table: numbers, inputs, sums and receptive fields."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from network_cases import build

from pipeline.deep.explain.layer_graph import network_layers, settings_of
from pipeline.deep.training.fitting import stored_numbers

layers = keras.layers


def named(model):
    return {each.name: each for each in network_layers(model)}


def test_lenet5_as_in_the_tutorials():
    found = network_layers(build("lenet5", (28, 28, 1), activation="tanh", dropout=0))
    rows = {
        each.name: (each.output, each.trainable, each.multiply_adds, each.receptive_field)
        for each in found
        if each.kind != "Activation"
    }
    assert rows == {
        "c1": ((28, 28, 6), 156, 117_600, 5),
        "s2": ((14, 14, 6), 0, 0, 6),
        "c3": ((10, 10, 16), 2_416, 240_000, 14),
        "s4": ((5, 5, 16), 0, 0, 16),
        "flatten": ((400,), 0, 0, 16),
        "c5": ((120,), 48_120, 48_000, None),
        "f6": ((84,), 10_164, 10_080, None),
        "output": ((10,), 850, 840, None),
    }
    assert sum(each.trainable for each in found) == 61_706
    assert [each.inputs for each in found] == [(number,) for number in range(len(found))]


def test_shortcuts_read_what_they_skip_also_in_a_model_inside_a_model():
    def inner():
        x = keras.Input((8, 8, 4))
        y = layers.Conv2D(4, 3, padding="same", name="conv")(x)
        return keras.Model(x, layers.Add(name="add")([y, x]), name="inner")

    image = keras.Input((8, 8, 3))
    start = layers.Conv2D(4, 1, name="start")(image)
    found = named(keras.Model(image, layers.Flatten(name="flat")(inner()(start))))
    numbers = {name: each.layer for name, each in found.items()}
    assert found["add"].inputs == (numbers["conv"], numbers["start"])
    assert found["flat"].inputs == (numbers["add"],)
    assert found["add"].receptive_field == 3


def test_all_stored_numbers_are_counted():
    """Frozen weights, moving averages, and the statistics of a standardization as on the card."""
    standardize = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 1.0, 1.0])
    frozen = layers.Conv2D(4, 3, name="frozen", trainable=False)
    model = keras.Sequential(
        [
            *(keras.Input((8, 8, 3)), standardize, frozen),
            *(layers.BatchNormalization(name="bn"), layers.Flatten(), layers.Dense(2)),
        ]
    )
    found = named(model)
    assert (found["frozen"].trainable, found["frozen"].fixed) == (0, 4 * 28)
    assert (found["bn"].trainable, found["bn"].fixed) == (8, 8)
    assert sum(each.trainable + each.fixed for each in found.values()) == stored_numbers(model)


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ((layers.Conv2D(1, 3), layers.Conv2D(1, 3)), 5),
        ((layers.Conv2D(1, 3, strides=2), layers.Conv2D(1, 3)), 7),
        ((layers.MaxPooling2D(2), layers.MaxPooling2D(2), layers.Conv2D(1, 3)), 12),
        ((layers.Conv2D(1, 3, dilation_rate=2),), 5),
        ((layers.Conv2D(1, (1, 5)),), 5),
        ((layers.Dense(3), layers.Activation("relu")), 1),
        ((layers.GlobalAveragePooling2D(),), None),
        ((layers.MaxPooling2D(2), layers.UpSampling2D(2), layers.Conv2D(1, 3)), 6),
    ],
)
def test_receptive_fields(stack, expected):
    model = keras.Sequential([keras.Input((32, 32, 1)), *stack])
    assert network_layers(model)[-1].receptive_field == expected


def test_a_receptive_field_is_what_a_value_depends_on():
    stack = layers.Conv2D(2, 3, strides=2), layers.AveragePooling2D(2), layers.Conv2D(1, 3)
    model = keras.Sequential([keras.Input((32, 32, 1)), *stack])
    for layer in stack[::2]:
        layer.set_weights([np.ones_like(each) for each in layer.get_weights()])
    one_pixel_each = np.eye(32 * 32, dtype=np.float32).reshape(-1, 32, 32, 1)
    before = np.asarray(model(np.zeros((1, 32, 32, 1), np.float32)))
    changed = (np.asarray(model(one_pixel_each)) != before)[:, 2, 3, 0].reshape(32, 32)
    sides = [np.ptp(where) + 1 for where in np.nonzero(changed)]
    assert sides == [network_layers(model)[-1].receptive_field] * 2


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(1, 3, strides=2, padding="same", activation="tanh"),
         "3×3, stride 2, same, tanh"),
        (layers.Conv2D(2, 1, groups=2), "1×1, 2 groups"),
        (layers.MaxPooling2D(3, strides=2), "3×3, stride 2"),
        (layers.AveragePooling2D(2), "2×2"),
        (layers.Dense(3, activation="softmax"), "softmax"),
        (layers.Dropout(0.25), "0.25"),
        (layers.ReLU(max_value=6), "at most 6"),
        (layers.ZeroPadding2D(1), "1"),
        (layers.ZeroPadding2D(((0, 1), (0, 1))), "0 1 0 1"),
        (layers.Flatten(), ""),
    ],
)  # fmt: skip
def test_settings(layer, expected):
    assert settings_of(layer) == expected
