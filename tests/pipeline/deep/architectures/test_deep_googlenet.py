"""GoogLeNet: the parameters and channels of the paper's table 1."""

from functools import cache

import keras
import pytest
from deep_cases import deep_spec
from network_cases import activation_layers, build, layers_of, penalties, shapes, trainable

from pipeline.checks import StudyError

MODULES = {
    "inception_3a": 256,
    "inception_3b": 480,
    "inception_4a": 512,
    "inception_4b": 512,
    "inception_4c": 512,
    "inception_4d": 528,
    "inception_4e": 832,
    "inception_5a": 832,
    "inception_5b": 1024,
}
ORIGINAL = {"form": "original", "batch_norm": False}
UNUSUAL = {
    "auxiliary": True,
    "activation": "prelu",
    "batch_norm": False,
    "dropout": 0.0,
    "width": 0.1,
    "l1": 0.5,
    "l2": 0.25,
    "weight_decay": 0.02,
}


@cache
def googlenet(side=32, classes=10, **options):
    """A network with shapes but no weights."""
    return build("googlenet", (side, side, 3), classes, **options)


def module(**options):
    """A single module with all branches."""
    spec = deep_spec("googlenet", **options)
    inputs = keras.Input((4, 4, 3))
    outputs = spec._inception(inputs, "inception", 4, (2, 6), (2, 8), 10)
    return keras.Model(inputs, outputs)


def test_parameters_of_the_original():
    assert googlenet(224, 1000, **ORIGINAL).count_params() == 6_998_552


def test_parameters_of_the_original_with_auxiliary_heads():
    heads = [
        (channels + 1) * 128 + (4 * 4 * 128 + 1) * 1024 + (1024 + 1) * 1000
        for channels in (512, 528)
    ]
    network = googlenet(224, 1000, **ORIGINAL, auxiliary=True)
    assert network.count_params() == 6_998_552 + sum(heads) == 13_378_280


def test_parameters_of_the_small_form():
    network = googlenet()
    # The usual count of this form is 6,166,250, with a bias before each normalization.
    convolutions = layers_of(network, "Conv2D")
    assert trainable(network) + sum(layer.filters for layer in convolutions) == 6_166_250
    assert len(convolutions) == 1 + 9 * 7


@pytest.mark.parametrize(
    ("side", "classes", "options", "sides"),
    [(224, 1000, ORIGINAL, (28, 14, 7)), (32, 10, {}, (32, 16, 8))],
)
def test_sides_and_channels_of_each_module(side, classes, options, sides):
    network = googlenet(side, classes, **options)
    for name, channels in MODULES.items():
        at = sides[int(name.split("_")[1][0]) - 3]
        assert network.get_layer(name).output.shape[1:] == (at, at, channels)
    assert network.get_layer("pool5").output.shape == (None, 1024)


def test_stem_of_the_original():
    network = googlenet(224, 1000, **ORIGINAL)
    expected = {
        "conv1": (112, 112, 64),
        "pool1": (56, 56, 64),
        "conv2_reduce": (56, 56, 64),
        "conv2": (56, 56, 192),
        "pool2": (28, 28, 192),
    }
    assert shapes(network, *expected) == expected
    assert network.get_layer("conv1").kernel_size == (7, 7)


def test_branches_are_concatenated_in_the_order_of_the_table():
    network = module(form="original")
    joined = network.get_layer("inception")
    assert [branch.shape[-1] for branch in joined.input] == [4, 6, 8, 10]
    assert network.get_layer("inception_5x5").kernel_size == (5, 5)
    small = module()
    assert small.get_layer("inception_5x5_first").kernel_size == (3, 3)
    assert small.get_layer("inception_5x5_second").kernel_size == (3, 3)


@pytest.mark.parametrize("options", [UNUSUAL, {**ORIGINAL, "auxiliary": True}])
def test_auxiliary_heads_read_the_modules_4a_and_4d(options):
    side, classes = (224, 1000) if "form" in options else (9, 10)
    network = googlenet(side, classes, **options)
    assert network.output_names[0] == "output"
    assert [output.shape for output in network.outputs] == [(None, classes)] * 3
    assert deep_spec("googlenet", **options).loss_weights() == (1.0, 0.3, 0.3)
    for name, source in (("auxiliary1", "inception_4a"), ("auxiliary2", "inception_4d")):
        pool = network.get_layer(f"{name}_pool")
        assert pool.input is network.get_layer(source).output
        assert network.get_layer(f"{name}_dropout").rate == 0.7
    if side == 224:
        assert network.get_layer("auxiliary1_pool").output.shape[1:] == (4, 4, 512)


def test_without_auxiliary_heads_there_is_one_output_and_loss():
    assert deep_spec("googlenet").loss_weights() == (1.0,)
    assert len(googlenet().outputs) == 1
    assert googlenet().layers[-1].name == "output"


@pytest.mark.parametrize(("form", "side"), [("small", 9), ("original", 65)])
def test_smallest_images_of_auxiliary_heads(form, side):
    spec = deep_spec("googlenet", **{**UNUSUAL, "form": form})
    assert spec.smallest_side() == side
    network = googlenet(side, **{**UNUSUAL, "form": form})
    assert network.get_layer("auxiliary1_pool").output.shape[1:3] == (1, 1)
    assert network.get_layer("inception_4a").output.shape[1] == 5
    with pytest.raises(StudyError, match=f"expected at least {side}×{side}"):
        spec.check_size((side - 1, 40, 3))
    with pytest.raises(ValueError, match="would be zero or negative"):
        spec.network((side - 1, side - 1, 3), 10)


@pytest.mark.parametrize("form", ["small", "original"])
def test_one_pixel_is_enough_without_auxiliary_heads(form):
    assert deep_spec("googlenet", form=form).smallest_side() == 1
    assert googlenet(1, form=form, width=0.05).output_shape == (None, 10)


def test_width_scales_the_filters():
    narrow, full = googlenet(9, **UNUSUAL), googlenet()
    assert narrow.get_layer("conv1").filters == 19
    assert narrow.get_layer("inception_5b_1x1").filters == 38
    assert narrow.get_layer("auxiliary1_dense").units == 102
    assert full.get_layer("inception_5b_1x1").filters == 384


@pytest.mark.parametrize(
    "name", ["relu", "sigmoid", "tanh", "elu", "leaky_relu", "prelu", "gelu", "maxout"]
)
def test_activation_follows_each_layer_of_a_module(name):
    assert len(activation_layers(module(activation=name), name)) == 7


def test_options_apply_everywhere():
    network = googlenet(9, **UNUSUAL)
    assert len(activation_layers(network, "prelu")) == 1 + 9 * 7 + 2 * 2
    assert layers_of(network, "BatchNormalization") == []
    assert {layer.name for layer in layers_of(network, "Dropout")} == {
        "auxiliary1_dropout",
        "auxiliary2_dropout",
    }
    assert penalties(network) == {(0.5, 0.26)}
    default = googlenet()
    assert len(layers_of(default, "BatchNormalization")) == 1 + 9 * 7
    assert default.get_layer("dropout").rate == 0.4
    assert penalties(default) == {(0.0, 2.5e-4)}
