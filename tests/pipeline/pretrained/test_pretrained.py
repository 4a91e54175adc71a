"""The VGG16 base, compared with Keras's own network and preprocessing."""

import os
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest

from pipeline.pretrained.base import load_base
from pipeline.pretrained.frozen import FrozenBase, Part
from pipeline.pretrained.weights import KERAS_FILE

VGG16 = load_base("vgg16")
LAYERS = ("block2_pool", "block5_conv3", "block5_pool")
PUBLISHED = Path(os.environ.get("VGG16_WEIGHTS", Path.home() / ".keras/models" / KERAS_FILE))


def vgg16_base(
    weights, size, layers, pooling, seed=0, image_shape=(None, None, 3), precision="float32",
    boundary=None,
):  # fmt: skip
    """The frozen VGG16 as a model, from pixels to joined vectors and the boundary's map."""
    parts = [Part(layer, pooling) for layer in layers]
    parts += [Part(boundary, "map")] if boundary else []
    source, values = (weights, None) if isinstance(weights, str) else ("random", weights)
    frozen = FrozenBase("vgg16", source, size, precision, tuple(parts), seed, values=values)
    return frozen.model(image_shape)


@pytest.fixture(scope="module")
def reference():
    """Keras's network with random weights, biases included."""
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            scale = np.sqrt(2 / np.prod(kernel.shape[:3]))
            layer.set_weights([rng.normal(0, scale, kernel.shape), rng.normal(0, 0.1, bias.shape)])
    return network


@pytest.fixture(scope="module")
def weights_file(reference, tmp_path_factory):
    """The legacy layout: one group per layer, with the names of its variables."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in reference.layers]
        for layer in reference.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"[: len(layer.weights)]]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value
    return path


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def expected_features(network, pixels, layers=LAYERS, pool=lambda x: x.mean(axis=(1, 2))):
    """Features from Keras's preprocessing and network, pooled by NumPy."""
    inputs = keras.applications.vgg16.preprocess_input(pixels.astype(np.float32).copy())
    outputs = keras.Model(network.input, [network.get_layer(name).output for name in layers])
    return np.concatenate([pool(x) for x in outputs.predict(inputs, verbose=0)], axis=1)


def test_equals_keras(reference, weights_file, images):
    base = vgg16_base(str(weights_file), 32, LAYERS, "average")
    found = base.predict(images, verbose=0)
    expected = expected_features(reference, images)
    assert found.shape == (4, 128 + 512 + 512)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    # The test can fail: in BGR order the features differ.
    swapped = base.predict(images[..., ::-1], verbose=0)
    assert np.abs(swapped - expected).max() > 0.05 * np.abs(expected).max()


def test_uint8_and_float_pixels_are_the_same(images):
    base = vgg16_base("random", 32, ("block1_pool",), "average")
    np.testing.assert_array_equal(
        base.predict(images, verbose=0), base.predict(images.astype(np.float32), verbose=0)
    )


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [("max", lambda x: x.max(axis=(1, 2))), ("flatten", lambda x: x.reshape(len(x), -1))],
)
def test_other_poolings(reference, weights_file, images, pooling, pool):
    base = vgg16_base(str(weights_file), 32, ("block2_pool", "block3_pool"), pooling)
    expected = expected_features(reference, images, ("block2_pool", "block3_pool"), pool)
    np.testing.assert_allclose(
        base.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


def test_resizes_as_opencv_does(reference, weights_file, images):
    """Enlarging uses floating point: a uint8 image must not be rounded."""
    small = images[:, :20, :20]
    large = np.stack(
        [cv2.resize(i.astype(np.float32), (32, 32), interpolation=cv2.INTER_LINEAR) for i in small]
    )
    base = vgg16_base(str(weights_file), 32, LAYERS, "average", image_shape=(20, 20, 3))
    expected = expected_features(reference, large)
    np.testing.assert_allclose(
        base.predict(small, verbose=0), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
    )


def test_sizes():
    base = vgg16_base("random", 32, ("block5_pool",), "average")
    assert base.count_params() == 14_714_688
    assert base.trainable_weights == []
    assert base.output_shape == (None, 512)
    shallow = vgg16_base("random", 32, ("block1_conv2",), "average")
    assert shallow.count_params() == 64 * (27 + 1) + 64 * (9 * 64 + 1)
    assert len(VGG16.layer_names) == 18


@pytest.mark.parametrize("size", [32, 50])
def test_output_shapes_are_those_of_the_network(size):
    base = vgg16_base("random", size, ("block1_pool", "block3_conv2"), "flatten")
    for name in ("block1_conv2", "block1_pool", "block2_pool", "block3_conv1"):
        assert base.get_layer(name).output.shape[1:] == VGG16.output_shape(name, size)


def test_a_boundary_gives_its_whole_output_after_the_vectors(images):
    base = vgg16_base("random", 32, ("block1_conv2",), "max", boundary="block2_pool")
    found = base.predict(images, verbose=0)
    expected = [
        vgg16_base("random", 32, (layer,), pooling).predict(images, verbose=0)
        for layer, pooling in (("block1_conv2", "max"), ("block2_pool", "flatten"))
    ]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-2)
    assert base.trainable_weights == []


def test_half_precision_saturates_instead_of_becoming_infinite(images):
    weights = VGG16.load_weights("random", 0, ("block1_pool",))
    kernel, bias = weights["block1_conv2"]
    weights["block1_conv2"] = kernel * 1e4, bias
    found = vgg16_base(weights, 32, (), "max", boundary="block1_pool").predict(images, verbose=0)
    assert found.max() == 65504


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason=f"no published weights at {PUBLISHED}; set VGG16_WEIGHTS"
)
def test_published_weights_equal_keras(images):
    network = keras.applications.VGG16(
        include_top=False, weights=str(PUBLISHED), input_shape=(32, 32, 3)
    )
    base = vgg16_base(str(PUBLISHED), 32, LAYERS, "average")
    expected = expected_features(network, images)
    np.testing.assert_allclose(
        base.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )
