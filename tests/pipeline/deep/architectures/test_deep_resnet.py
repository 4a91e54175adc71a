"""ResNet: the counts, shapes and shortcuts of the paper's section 4.2."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec
from network_cases import (
    activation_layers,
    build,
    kernels,
    layers_of,
    penalties,
    shapes,
    trainable,
)

from pipeline.checks import StudyError
from pipeline.deep.cost import multiply_adds

COUNTS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
"""Table 6 of the paper gives 0.27, 0.46, 0.66, 0.85 and 1.7 million."""
RNG = np.random.default_rng(0)


def resnet(side=32, **options):
    """A network with shapes but no weights."""
    return build("resnet", (side, side, 3), **options)


def small_resnet(side, **options):
    """A network with weights and 4, 8 and 16 filters."""
    return deep_spec("resnet", width=0.25, **options).network((side, side, 3), 10)


@pytest.mark.parametrize("depth", COUNTS)
def test_trained_parameters_by_depth(depth):
    network = resnet(depth=depth)
    assert trainable(network) == COUNTS[depth]
    assert len(kernels(network)) == depth


@pytest.mark.parametrize("depth", [8, 14])
def test_shallower_than_the_paper(depth):
    assert len(kernels(resnet(8, depth=depth, width=0.1))) == depth


def test_plain_network_has_the_layers_of_the_residual_one_but_no_shortcuts():
    plain, residual = resnet(residual=False), resnet()
    assert trainable(plain) == COUNTS[20]
    assert layers_of(plain, "Add") == []
    assert len(layers_of(residual, "Add")) == 9
    assert kernels(plain) == kernels(residual)
    for name in kernels(plain):
        assert plain.get_layer(name).kernel.shape == residual.get_layer(name).kernel.shape
    assert multiply_adds(plain) == multiply_adds(residual) == 40_551_040


def test_projection_adds_two_convolutions_with_normalization():
    assert trainable(resnet(shortcut="projection")) == COUNTS[20] + (
        16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    )


def test_shapes_on_32_pixels():
    expected = {
        "conv1": (32, 32, 16),
        "stage1_block3_add": (32, 32, 16),
        "stage2_block1_conv1": (16, 16, 32),
        "stage2_block3_add": (16, 16, 32),
        "stage3_block1_conv1": (8, 8, 64),
        "stage3_block3_add": (8, 8, 64),
        "pool": (64,),
        "output": (10,),
    }
    assert shapes(resnet(), *expected) == expected


@pytest.mark.parametrize("side", [8, 9])
def test_identity_shortcut_takes_every_other_position_and_adds_channels_of_zeros(side):
    network = small_resnet(side)
    images = RNG.normal(size=(3, side, side, 3)).astype("float32")
    block = network.get_layer("stage1_block3_relu").output
    shortcut = network.get_layer("stage2_block1_zeros").output
    inputs, outputs = keras.Model(network.input, [block, shortcut])(images)
    np.testing.assert_array_equal(outputs[..., :4], np.asarray(inputs)[:, ::2, ::2])
    np.testing.assert_array_equal(outputs[..., 4:], 0)
    assert outputs.shape[-1] == 8


@pytest.mark.parametrize("shortcut", ["identity", "projection"])
@pytest.mark.parametrize("side", [8, 9])
def test_kernels_of_both_paths_are_centered_on_the_same_positions(shortcut, side):
    network = small_resnet(side, shortcut=shortcut)
    block = network.get_layer("stage1_block3_relu").output
    first = network.get_layer("stage2_block1_conv1")
    center = np.zeros(first.kernel.shape, "float32")
    center[1, 1] = np.eye(4, 8)
    first.set_weights([center])
    images = RNG.normal(size=(2, side, side, 3)).astype("float32")
    inputs, outputs = keras.Model(network.input, [block, first.output])(images)
    np.testing.assert_array_equal(outputs[..., :4], np.asarray(inputs)[:, ::2, ::2])


def test_block_is_the_activation_of_the_sum_of_its_layers_and_its_input():
    network = small_resnet(8)
    names = ["stage1_block1_relu", "stage1_block2_conv2_bn", "stage1_block2_relu"]
    images = RNG.normal(size=(2, 8, 8, 3)).astype("float32")
    outputs = [network.get_layer(name).output for name in names]
    before, layers, after = map(np.asarray, keras.Model(network.input, outputs)(images))
    np.testing.assert_allclose(after, np.maximum(before + layers, 0), atol=1e-6)


def test_one_pixel_is_the_smallest_side():
    spec = deep_spec("resnet", width=0.1)
    assert spec.smallest_side() == 1
    spec.check_size((1, 1, 3))
    assert resnet(1, width=0.1).output_shape == (None, 10)


def test_width_scales_the_filters():
    network = resnet(width=0.5)
    assert network.get_layer("conv1").filters == 8
    assert network.get_layer("stage3_block1_conv1").filters == 32
    assert trainable(network) < COUNTS[20] / 3.5


@pytest.mark.parametrize(("name", "residual"), [("gelu", True), ("prelu", True), ("tanh", False)])
def test_activation_follows_each_layer(name, residual):
    network = resnet(8, activation=name, width=0.1, residual=residual)
    assert len(activation_layers(network, name)) == 19
    assert activation_layers(network, "relu") == []


def test_maxout_is_rejected():
    with pytest.raises(StudyError, match=r"deep\.resnet\.activation: found 'maxout'"):
        deep_spec("resnet", activation="maxout")


def test_shortcut_of_a_plain_network_is_rejected():
    with pytest.raises(StudyError, match="plain network has no shortcuts"):
        deep_spec("resnet", residual=False, shortcut="projection")


def test_batch_normalization_follows_each_convolution_or_none():
    assert len(layers_of(resnet(), "BatchNormalization")) == 19
    network = resnet(8, batch_norm=False, dropout=0.3)
    assert layers_of(network, "BatchNormalization") == []
    assert all(network.get_layer(name).use_bias for name in kernels(network))


def test_dropout_precedes_the_output():
    assert layers_of(resnet(), "Dropout") == []
    (layer,) = layers_of(resnet(8, batch_norm=False, dropout=0.3), "Dropout")
    assert (layer.name, layer.rate) == ("dropout", 0.3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (0, 2.5e-4)),
        ({"weight_decay": 0.02, "l1": 0.5, "l2": 0.25}, (0.5, 0.26)),
        ({"weight_decay": 0.02, "optimizer": "adamw", "l2": 0.25}, (0, 0.25)),
    ],
)
def test_penalties_apply_to_every_kernel(options, expected):
    (found,) = penalties(resnet(8, width=0.25, shortcut="projection", **options))
    assert found == pytest.approx(expected)
