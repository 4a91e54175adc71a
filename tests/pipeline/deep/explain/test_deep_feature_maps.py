"""Maps of the first convolution."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.deep.explain.feature_maps import MOST_CHANNELS, feature_maps, map_sheets
from pipeline.deep.explain.tile_sheets import GAP


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 10, 12, 3), dtype=np.uint8)


def scaled_copies(scales):
    """A network whose maps are the red channel times each of `scales`, after a ReLU."""
    kernel = np.zeros((1, 1, 3, len(scales)))
    kernel[0, 0, 0] = scales
    model = keras.Sequential(
        [
            keras.Input((10, 12, 3)),
            keras.layers.Conv2D(len(scales), 1, use_bias=False, name="copies"),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    model.get_layer("copies").set_weights([kernel])
    return model


def test_the_channels_that_vary_most_are_the_same_for_all_images(images):
    scales = np.linspace(0.1, 2, 20)[::-1].copy()
    scales[[0, 7]] = -1  # the ReLU sets them to 0
    found = feature_maps(scaled_copies(scales), images)
    expected = tuple(index for index in range(20) if index not in (0, 7))[:MOST_CHANNELS]
    assert (found.layer, found.channels, found.total) == ("copies", expected, 20)
    red = images[:, None, :, :, 0]
    np.testing.assert_allclose(found.values, red * scales[list(expected), None, None], rtol=1e-5)
    assert "16 of the 20 maps" in found.caption


def test_sheets_are_scaled_over_all_images(images):
    images[0, :5] = 0
    images[1] = 255
    sheets = map_sheets(feature_maps(scaled_copies([1.0, 0.5, 2.0]), images))
    assert len(sheets) == 3
    for sheet in sheets:
        assert min(sheet.shape[:2]) >= 128
        assert max(sheet.shape[:2]) <= 512
        assert (sheet == sheet[..., :1]).all(), "gray"
    zoom = (sheets[0].shape[1] - 3 * GAP) // 2 // 12
    assert (sheets[0][GAP : GAP + 5 * zoom, GAP : GAP + 12 * zoom] == 0).all()
    assert (sheets[1][GAP : GAP + 10 * zoom, GAP : GAP + 12 * zoom] == 255).all()
    low, high = np.sort(images[2, :, :, 0].ravel())[[5, -5]]
    y, x = np.argwhere(images[2, :, :, 0] == high)[0]
    assert sheets[2][GAP + y * zoom, GAP + x * zoom, 0] > low


def test_large_maps_are_reduced():
    model = keras.Sequential(
        [keras.Input((200, 100, 3)), keras.layers.Conv2D(16, 3), keras.layers.Flatten()]
    )
    images = np.random.default_rng(0).integers(0, 256, (1, 200, 100, 3), dtype=np.uint8)
    (sheet,) = map_sheets(feature_maps(model, images))
    assert max(sheet.shape) <= 512


def test_a_perceptron_has_none(images):
    assert feature_maps(deep_spec("mlp", units=4).network((10, 12, 3), 2), images) is None
