"""What tests ask of a network that was just built."""

import json
import math
import zipfile

import keras
import numpy as np


def multiply_adds(network):
    """Of one image: products in convolutions and fully connected layers."""
    weighted = [layer for layer in network.layers if hasattr(layer, "kernel")]
    return sum(
        math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) for layer in weighted
    )


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def activation_layers(network, name):
    """The layers that apply the activation `name` of the options."""
    if name == "prelu":
        return layers_of(network, keras.layers.PReLU)
    if name == "maxout":
        return layers_of(network, keras.layers.Maximum)
    found = layers_of(network, keras.layers.Activation)
    return [layer for layer in found if layer.activation.__name__ == name]


def assert_restored_by_keras_alone(network, images, path):
    """Save, load and compare; and see that the file names nothing but Keras."""
    network.save(path)
    restored = keras.saving.load_model(path)
    expected, found = network(images), restored(images)
    for before, after in zip(keras.tree.flatten(expected), keras.tree.flatten(found), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-6)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    assert {module.split(".")[0] for module in _modules(config)} <= {"keras", "builtins"}


def _modules(config):
    if isinstance(config, dict):
        if config.get("module") is not None:
            yield config["module"]
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _modules(item)
