"""Evidence for a class, on networks whose evidence is known."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.checks import StudyError
from pipeline.deep.explain.grad_cam import grad_cam, overlay

SIDE = 12


def color_network(weights, activation, inside=True):
    """Maps of red and of green light; their means times `weights` (2, outputs) are the scores."""
    given = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="light")(given)
    x = keras.layers.ReLU(name="light_relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = np.shape(weights)[1]
    x = keras.layers.Dense(outputs, activation=activation, use_bias=False, name="output")(x)
    network = keras.Model(given, x)
    network.get_layer("light").set_weights([np.eye(3)[:, :2].reshape(1, 1, 3, 2)])
    network.get_layer("output").set_weights([np.asarray(weights)])
    if not inside:
        return network
    pixels = keras.Input((SIDE, SIDE, 3))
    return keras.Model(pixels, network(keras.layers.Rescaling(1 / 255)(pixels)))


@pytest.fixture
def images():
    """Red light at the top left; green at the bottom right, brighter; nothing at all."""
    found = np.zeros((3, SIDE, SIDE, 3), dtype=np.uint8)
    found[0, :4, :3, 0] = 200
    found[0, 8, 8, 1] = 250
    found[1, -3:, -4:, 1] = 255
    found[1, 0, 0, 0] = 255
    return found


@pytest.mark.parametrize("inside", [True, False])
def test_the_map_peaks_where_the_class_is(images, inside):
    network = color_network(4 * np.eye(2), "softmax", inside)
    found = grad_cam(network, images[:2], "light_relu")
    assert found.layer == "light_relu"
    assert found.predicted.tolist() == [0, 1]
    assert (found.maps[0, :4, :3] > 0).all()
    assert found.maps[0].max() == found.maps[0, 0, 0]
    assert found.maps[0, 4:].max() == found.maps[0, :, 3:].max() == 0, "green is no evidence of red"
    assert (found.maps[1] > 0).sum() == 12
    assert (found.maps[1, -3:, -4:] > 0).all()


def test_before_global_average_pooling_it_is_a_class_activation_map(rng):
    """The paper, section 3: Grad-CAM generalizes CAM: weights times maps, by position."""
    images = rng.integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)
    weights = rng.normal(size=(2, 5))
    network = color_network(weights, "softmax")
    found = grad_cam(network, images, "light_relu")
    scores = images[..., :2].mean(axis=(1, 2)) / 255 @ weights
    assert found.predicted.tolist() == scores.argmax(axis=1).tolist()
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probability, expected.max(axis=1), rtol=1e-5)
    cams = np.einsum("nyxk,kn->nyx", images[..., :2] / 255, weights[:, found.predicted])
    np.testing.assert_allclose(found.maps, np.maximum(cams, 0) / SIDE**2, rtol=1e-4, atol=1e-8)
    again = np.asarray(keras.ops.convert_to_numpy(network(images.astype(np.float32))))
    np.testing.assert_allclose(again.sum(axis=1), 1, rtol=1e-5, err_msg="the softmax is back")


def test_one_sigmoid_unit_explains_either_class(images):
    found = grad_cam(color_network([[-9.0], [9.0]], "sigmoid"), images[:2], "light_relu")
    assert found.predicted.tolist() == [0, 1]
    assert (found.maps[0, :4, :3] > 0).all()
    assert found.maps[0, 8, 8] == 0
    assert (found.maps[1, -3:, -4:] > 0).all()
    assert found.maps[1, 0, 0] == 0
    assert found.probability.min() > 0.5


def test_no_evidence_is_said(images):
    found = grad_cam(color_network(4 * np.eye(2), "softmax"), images[2:], "light_relu")
    assert not found.maps.any()
    assert found.caption(0) == "nothing in the feature maps of light_relu supports this prediction"
    assert np.ptp(overlay(images[2], found.maps[0]), axis=(0, 1)).tolist() == [0, 0, 0]


def test_images_do_not_meet(rng):
    """Normalization is that of inference, and each map is its own image's."""
    spec = deep_spec("resnet", width=0.25)
    network, layer = spec.network((16, 16, 3), 4), spec.grad_cam_layer()
    images = rng.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    together, alone = grad_cam(network, images, layer), grad_cam(network, images[1:2], layer)
    assert together.predicted[1] == alone.predicted[0]
    scale = max(together.maps[1].max(), 1e-9)
    np.testing.assert_allclose(together.maps[1] / scale, alone.maps[0] / scale, atol=1e-3)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("light_rel", "unknown layer of this network 'light_rel'; did you mean 'light_relu'"),
        ("output", r"output of layer output is \(None, 2\); expected \(images, height"),
    ],
)
def test_a_layer_without_maps_is_refused(images, layer, message):
    with pytest.raises(StudyError, match=message):
        grad_cam(color_network(4 * np.eye(2), "softmax"), images, layer)


def test_the_overlay_is_brightest_at_the_peak(images):
    evidence = np.zeros((3, 3), dtype=np.float32)
    evidence[2, 0] = 5
    drawn = overlay(np.full((SIDE, SIDE, 3), 90, dtype=np.uint8), evidence)
    assert drawn.shape == (SIDE, SIDE, 3)
    peak = np.unravel_index(drawn.sum(axis=-1).argmax(), (SIDE, SIDE))
    assert peak[0] >= 8
    assert peak[1] <= 3
    red, green, blue = drawn[-1, 0].astype(int)
    assert min(red, green) > blue, "yellow"
    red, green, blue = drawn[0, -1].astype(int)
    assert green < min(red, blue), "purple"
