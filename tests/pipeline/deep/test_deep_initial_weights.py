"""Convolutions that start as a partial identity."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.deep.initial_weights import partial_identity


def test_partial_identity_passes_channels_through():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype(np.float32)
    found = partial_identity(kernel)
    images = np.random.default_rng(1).normal(size=(1, 5, 5, 4)).astype(np.float32)
    outputs = np.asarray(keras.ops.conv(images, found, padding="same"))
    np.testing.assert_array_equal(outputs[..., :4], images)
    np.testing.assert_array_equal(found[..., 4:], kernel[..., 4:])
    narrowing = partial_identity(np.ones((3, 3, 4, 2), np.float32))
    np.testing.assert_array_equal(np.argwhere(narrowing), [[1, 1, 0, 0], [1, 1, 1, 1]])


IMAGES = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        (
            "airbench",
            {"batch_norm": True},
            {f"group{g}_conv{c}" for g in (1, 2, 3) for c in (1, 2)},
        ),
        (
            "airbench",
            {"batch_norm": False},
            {f"group{g}_conv{c}" for g in (1, 2, 3) for c in (1, 2)},
        ),
        ("lenet5", {"whitening": True}, {"c1", "c3"}),
        ("alexnet", {"form": "original", "image_size": 67}, {"conv2", "conv3", "conv4", "conv5"}),
        ("resnet", {"shortcut": "projection"}, None),
    ],
)
def test_which_convolutions_start_as_the_identity(method, options, expected):
    """Those with a stride of 1 and more than one position; without the option, none."""
    found = []
    for identity in (True, False):
        spec = deep_spec(method, width=0.1, identity_start=identity, **options)
        network = spec.network(IMAGES.shape[1:], 10)
        spec.initialize(network, IMAGES)
        found.append(set())
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D):
                kernel = layer.get_weights()[0]
                if np.array_equal(kernel, partial_identity(kernel)):
                    found[-1].add(layer.name)
    if expected is None:
        names = {layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)}
        strided = {"stage2_block1_conv1", "stage3_block1_conv1"}
        expected = {name for name in names if "shortcut" not in name} - strided
    assert found == [expected, set()]
