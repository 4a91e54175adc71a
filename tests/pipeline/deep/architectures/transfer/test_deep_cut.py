"""How a base is split into frozen and trained parts."""

import pytest

from pipeline.deep.architectures.transfer.cut import Cut
from pipeline.pretrained.base import load_base

LAYERS = ("block5_pool", "block3_pool", "block4_pool")


def cut(unfrozen, layers=LAYERS, size=64, pooling="average"):
    return Cut(load_base("vgg16"), layers, pooling, size, unfrozen)


def test_nothing_trained():
    whole = cut(0)
    assert (whole.boundary, whole.trained, whole.below) == (None, (), LAYERS)
    assert whole.shapes == {"block5_pool": (512,), "block3_pool": (256,), "block4_pool": (512,)}
    assert not whole.reads_pixels


def test_the_top_block():
    top = cut(1)
    assert top.boundary == "block4_pool"
    assert top.trained == ("block5_conv1", "block5_conv2", "block5_conv3", "block5_pool")
    # block4_pool is read from the boundary's output.
    assert top.shapes == {"block3_pool": (256,), "block4_pool": (4, 4, 512)}
    assert not top.reads_pixels


def test_all():
    everything = cut(5)
    assert everything.boundary is None
    assert everything.trained == everything.every
    assert len(everything.every) == 18
    assert everything.shapes == {}
    assert everything.reads_pixels


def test_blocks_are_counted_from_the_deepest_one_in_use():
    shallow = cut(1, ("block2_pool", "block3_conv2"))
    assert shallow.blocks == 3
    assert shallow.boundary == "block2_pool"
    assert shallow.trained == ("block3_conv1", "block3_conv2")
    assert shallow.below == ()


def test_flattened_vectors_keep_positions():
    parts = cut(1, ("block3_conv1", "block5_pool"), pooling="flatten").shapes
    assert parts == {"block3_conv1": (16 * 16 * 256,), "block4_pool": (4, 4, 512)}


@pytest.mark.parametrize(
    ("size", "unfrozen", "pixels"),
    [(96, 1, False), (112, 1, True), (64, 2, False), (64, 3, True), (32, 3, False), (32, 5, True)],
)
def test_features_that_are_too_large_are_not_kept(size, unfrozen, pixels):
    assert cut(unfrozen, size=size).reads_pixels is pixels
