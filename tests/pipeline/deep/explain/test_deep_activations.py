"""Layers inside networks, and their intermediate activations."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.deep.explain.activations import (
    changed_output,
    end_of,
    first_convolution,
    infer,
    layer_named,
    layer_output,
)


@pytest.mark.parametrize(
    ("method", "options", "convolution", "end"),
    [
        ("lenet5", {}, "c1", "c1_relu"),
        ("lenet5", {"activation": "maxout"}, "c1_piece1", "c1_piece1"),
        ("resnet", {}, "conv1", "conv1_relu"),
        ("airbench", {}, "whitening", "whitening_gelu"),
    ],
)
def test_the_first_convolution_with_what_belongs_to_it(method, options, convolution, end):
    network = deep_spec(method, width=0.25, **options).network((32, 32, 3), 10)
    found = first_convolution(network)
    assert (found.name, end_of(network, found).name) == (convolution, end)


def test_branches_end_where_they_meet():
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    wide = layers.ReLU()(layers.Conv2D(2, 3, padding="same", name="wide")(image))
    narrow = layers.ReLU()(layers.Conv2D(2, 1, name="narrow")(image))
    x = layers.Concatenate(name="both")([wide, narrow])
    x = layers.MaxPooling2D()(layers.Dropout(0.5, name="dropout")(x))
    network = keras.Model(image, layers.Flatten()(x))
    names = [layer.name for layer in network.layers]
    last = max(("wide", "narrow"), key=names.index)
    assert end_of(network, layer_named(network, last)).name == "dropout"


def test_a_perceptron_has_no_convolution():
    network = deep_spec("mlp", units=8).network((8, 8, 3), 3)
    assert first_convolution(network) is None


@pytest.fixture
def nested():
    """Pixels -> rescaling -> a model with a convolution -> a model with the output."""
    inner = keras.Input((6, 6, 3))
    maps = keras.layers.Conv2D(4, 3, name="conv", dtype="mixed_bfloat16")(inner)
    body = keras.Model(inner, maps, name="body")
    given = keras.Input((4, 4, 4))
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(given))
    head = keras.Model(given, outputs, name="head")
    pixels = keras.Input((6, 6, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    return keras.Model(pixels, head(body(x)))


def test_output_of_a_layer_in_a_nested_model(nested, rng):
    images = rng.integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    before = keras.ops.convert_to_numpy(infer(nested, images))
    conv = layer_named(nested, "conv")
    assert conv is nested.get_layer("body").get_layer("conv")
    found = layer_output(nested, conv, images)
    assert found.dtype == np.float32
    kernel, bias = (np.asarray(values) for values in conv.get_weights())
    windows = np.lib.stride_tricks.sliding_window_view(images / 255, (3, 3), axis=(1, 2))
    expected = np.einsum("nyxcij,ijcf->nyxf", windows, kernel) + bias
    np.testing.assert_allclose(found, expected, atol=0.03)  # bfloat16
    with changed_output(conv, lambda output: 0 * output):
        silent = keras.ops.convert_to_numpy(infer(nested, images))
    np.testing.assert_allclose(silent, 0, atol=1e-6)
    after = keras.ops.convert_to_numpy(infer(nested, images))
    np.testing.assert_array_equal(before, after)
