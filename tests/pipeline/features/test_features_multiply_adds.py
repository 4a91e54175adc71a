"""Multiply-adds of extractors, compared with counts by hand and with Keras's layers."""

import numpy as np
import pytest

from pipeline.config import registry


def count(entry, shape=(32, 32, 3)):
    extractor = registry.parse("features", entry, "features.x").build(seed=0)
    return extractor.multiply_adds(shape)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Per pixel: 3 for gray, 4 taps, 2 squares and a vote; 16 cells of 9 bins divided by
        # their area; 9 blocks of 36 numbers, each squared and divided twice.
        ({}, 1024 * (3 + 6) + 1024 + 16 * 9 + 9 * 36 * 4),
        ({"block_norm": "L2"}, 1024 * 9 + 1024 + 144 + 324 * 2),
        ({"block_norm": "L1"}, 1024 * 9 + 1024 + 144 + 324),
        # Rows and columns beyond the last whole cell (32 = 2 · 12 + 8) do not vote.
        ({"cell": 12}, 1024 * 9 + 576 + 4 * 9 + 36 * 4),
        # Two scales: votes, cells and blocks of both.
        ({"cell": [8, 16]}, 1024 * 9 + 2048 + 144 + 4 * 9 + (324 + 36) * 4),
        # Three channels; votes split between 2 bins; in each of 9 blocks a side of 16 pixels has 8
        # between two cells and 8 of one: (8 · 2 + 8)² weights, each for 2 bins.
        (
            {"convention": "dalal_triggs", "channel": "strongest"},
            1024 * 18 + 2 * 1024 + 2 * 9 * 24**2 + 324 * 4,
        ),
    ],
)
def test_hog(options, expected):
    assert count({"method": "hog", **options}) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"space": "rgb", "bins": 8, "grid": 2}, 1024 * 3 + 4 * 24),
        ({"space": "ycrcb", "bins": 8, "grid": 2}, 1024 * (5 + 3) + 4 * 24),
        ({"bins": 4, "grid": 1, "joint": True, "norm": "l2", "sqrt": False}, 1024 + 2 * 64),
        ({"bins": 4, "grid": 1, "joint": True, "norm": "none", "sqrt": False}, 1024),
    ],
)
def test_color_histogram(options, expected):
    assert count({"method": "color_histogram", **options}) == expected


def test_lbp():
    # Of 8 neighbors 4 lie on pixels, 4 between four; a vote; 16 cells of 59 patterns.
    assert count({"method": "lbp"}) == 1024 * (3 + 4 * 4 + 1) + 16 * 59
    # At radius 1.5 those 4 lie between two pixels.
    both = count({"method": "lbp", "radius": [1.0, 1.5], "grid": 1})
    assert both == 1024 * (3 + 17 + 4 * 2 + 4 * 4 + 1) + 2 * 59


def test_raw():
    assert count({"method": "raw", "gray": True}, (8, 4, 3)) == 3 * 32
    assert count({"method": "raw", "size": 4}) == 0


def test_patches():
    # 27 × 27 patches of 108 numbers; with a stride of 2, 14 × 14.
    entry = {"method": "patches", "count": 400}
    assert count(entry) == 27**2 * 108 * (3 + 108 + 400)
    assert count({**entry, "stride": 2}) == 14**2 * 108 * (3 + 108 + 400)


def test_pretrained_features_count_as_the_layers_of_the_network_do():
    from pipeline.deep.cost import multiply_adds
    from pipeline.pretrained.frozen import FrozenBase, Part

    layers = ("block1_pool", "block3_conv1")
    entry = {"method": "pretrained", "weights": "random", "image_size": 40, "layers": layers}
    extractor = registry.parse("features", entry, "features.x").build(seed=0)
    extractor.fit(np.zeros((1, 32, 32, 3), dtype=np.uint8))
    parts = tuple(Part(layer, "average") for layer in layers)
    network = FrozenBase("vgg16", "random", 40, "float32", parts).model((32, 32, 3))
    assert extractor.multiply_adds((32, 32, 3)) == multiply_adds(network) > 1e6
