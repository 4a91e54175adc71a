"""The network of airbench94: its sizes, its recipe and its initial weights."""

import numpy as np
import pytest
from deep_cases import deep_spec
from network_cases import activation_layers, build, layers_of, penalties, shapes, trainable

from pipeline.checks import StudyError


def airbench(side=32, **options):
    """A network with shapes but no weights."""
    return build("airbench", (side, side, 3), **options)


def test_trained_parameters():
    network = airbench()
    convolutions = 24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256
    offsets = 2 * (64 + 256 + 256)
    assert trainable(network) == 24 + 9 * convolutions + offsets + 256 * 10 == 1_971_352
    assert network.get_layer("whitening").count_params() == 2 * 2 * 3 * 24 + 24


def test_shapes_on_32_pixels():
    expected = {
        "whitening": (31, 31, 24),
        "group1_conv1": (31, 31, 64),
        "group1_pool": (15, 15, 64),
        "group2_pool": (7, 7, 256),
        "group3_pool": (3, 3, 256),
        "group3_conv2": (3, 3, 256),
        "pool": (256,),
        "output": (10,),
    }
    assert shapes(airbench(), *expected) == expected


def test_pooling_precedes_normalization_and_activation():
    names = [layer.name for layer in airbench().layers if layer.name.startswith("group2")]
    assert names == [
        "group2_conv1",
        "group2_pool",
        "group2_conv1_bn",
        "group2_conv1_gelu",
        "group2_conv2",
        "group2_conv2_bn",
        "group2_conv2_gelu",
    ]


@pytest.mark.parametrize(("patch", "side"), [(2, 9), (3, 10)])
def test_smallest_images(patch, side):
    spec = deep_spec("airbench", patch=patch, width=0.1)
    assert spec.smallest_side() == side
    assert spec.network((side, side, 3), 10).output_shape == (None, 10)
    with pytest.raises(StudyError, match=f"expected at least {side}×{side}"):
        spec.check_size((side - 1, 40, 3))
    with pytest.raises(ValueError, match="would be zero or negative"):
        spec.network((side - 1, side - 1, 3), 10)


def test_the_published_recipe():
    """Per 1,024 images the program has a rate of 11.5 and a decay of 0.0153, for summed losses."""
    spec = deep_spec("airbench")
    images, momentum = 1024, 0.85
    scale = images * (1 + 1 / (1 - momentum))
    assert spec.learning_rate == pytest.approx(11.5 / scale * images)
    decay_per_step = 0.0153 * images / scale
    assert spec.learning_rate * spec.weight_decay == pytest.approx(decay_per_step, rel=1e-3)
    assert (spec.batch_size, spec.momentum, spec.optimizer) == (images, momentum, "nesterov")


def test_kernels_are_drawn_within_one_over_the_root_of_their_inputs():
    network = deep_spec("airbench", width=0.5).network((32, 32, 3), 10)
    for name, inputs in {"group2_conv1": 9 * 32, "group3_conv2": 9 * 128, "output": 128}.items():
        kernel = network.get_layer(name).get_weights()[0]
        assert np.abs(kernel).max() == pytest.approx(inputs**-0.5, rel=0.02)


def test_logits_are_scaled_down():
    network = airbench()
    assert network.get_layer("logit_scale").scale == pytest.approx(1 / 9)
    assert not network.get_layer("output").use_bias


def test_width_scales_the_filters_but_not_the_whitening():
    network = airbench(width=0.5, filters=[64, 128, 256])
    names = ("whitening", "group1_conv1", "group2_conv2", "group3_conv2")
    assert [network.get_layer(name).filters for name in names] == [24, 32, 64, 128]


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu"])
def test_activation_follows_each_layer(name):
    network = airbench(9, width=0.1, activation=name)
    assert len(activation_layers(network, name)) == 7


def test_maxout_is_rejected():
    with pytest.raises(StudyError, match=r"deep\.airbench\.activation: found 'maxout'"):
        deep_spec("airbench", activation="maxout")


def test_batch_normalization_has_no_trained_scale_and_can_be_left_out():
    layers = layers_of(airbench(), "BatchNormalization")
    assert [layer.scale for layer in layers] == [False] * 6
    assert {(layer.momentum, layer.epsilon) for layer in layers} == {(0.6, 1e-12)}
    network = airbench(9, width=0.1, batch_norm=False)
    assert layers_of(network, "BatchNormalization") == []
    assert all(network.get_layer(f"group{group}_conv1").use_bias for group in (1, 2, 3))


def test_dropout_precedes_the_output():
    assert layers_of(airbench(), "Dropout") == []
    (layer,) = layers_of(airbench(9, width=0.1, dropout=0.3), "Dropout")
    assert (layer.name, layer.rate) == ("dropout", 0.3)


def test_penalties_apply_only_to_trained_kernels():
    network = airbench(9, width=0.1, weight_decay=0.02, l1=0.5, l2=0.25)
    assert network.get_layer("whitening").kernel_regularizer is None
    assert penalties(network) == {None, (0.5, 0.26)}
    without = [layer.name for layer in network.layers if layer.losses == []]
    assert {"group1_conv1", "group3_conv2", "output"}.isdisjoint(without)
    decoupled = airbench(9, width=0.1, weight_decay=0.02, optimizer="adamw")
    assert penalties(decoupled) == {None}
