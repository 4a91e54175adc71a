"""VGG16 from scratch: the sizes of table 1, column D, with either head, and its options."""

import pytest
from deep_cases import deep_spec
from network_cases import (
    PIXELS,
    build,
    check_activations,
    check_penalties,
    names,
    parameters,
    shapes,
    trainable,
)

from pipeline.checks import StudyError

PUBLISHED = {"head": "original", "batch_norm": False}
MAPS = {
    "block1_conv1": (3, 64),
    "block1_conv2": (64, 64),
    "block2_conv1": (64, 128),
    "block2_conv2": (128, 128),
    "block3_conv1": (128, 256),
    "block3_conv2": (256, 256),
    "block3_conv3": (256, 256),
    "block4_conv1": (256, 512),
    "block4_conv2": (512, 512),
    "block4_conv3": (512, 512),
    "block5_conv1": (512, 512),
    "block5_conv2": (512, 512),
    "block5_conv3": (512, 512),
}
"""Input and output channels of each convolution."""


def test_parameters_of_the_paper_layer_by_layer():
    network = build("vgg16", (224, 224, 3), 1000, **PUBLISHED)
    convolutions = {name: after * (9 * before + 1) for name, (before, after) in MAPS.items()}
    assert parameters(network) == convolutions | {
        "fc1": 4096 * (7 * 7 * 512 + 1),
        "fc2": 4096 * (4096 + 1),
        "output": 1000 * (4096 + 1),
    }
    assert sum(convolutions.values()) == 14_714_688
    assert network.count_params() == 138_357_544


def test_parameters_of_the_small_head_with_normalization():
    network = build("vgg16")
    assert parameters(network) == (
        {name: after * 9 * before for name, (before, after) in MAPS.items()}
        | {f"{name}_bn": 4 * after for name, (_, after) in MAPS.items()}
        | {"fc1": 512 * (512 + 1), "output": 10 * (512 + 1)}
    )
    assert network.count_params() == 14_995_146
    assert trainable(network) == 14_995_146 - 2 * 4_224


@pytest.mark.parametrize("head", ["original", "small"])
def test_shapes_on_32_pixels(head):
    network = build("vgg16", head=head)
    assert shapes(network, "block1_conv1", *(f"block{number}_pool" for number in range(1, 6))) == {
        "block1_conv1": (32, 32, 64),
        "block1_pool": (16, 16, 64),
        "block2_pool": (8, 8, 128),
        "block3_pool": (4, 4, 256),
        "block4_pool": (2, 2, 512),
        "block5_pool": (1, 1, 512),
    }
    assert network.get_layer("fc1").input.shape == (None, 512)


def test_the_small_head_averages_the_maps_of_larger_images():
    network = build("vgg16", (64, 96, 3))
    assert shapes(network, "block5_pool", "average") == {
        "block5_pool": (2, 3, 512),
        "average": (512,),
    }
    assert build("vgg16", (64, 96, 3), head="original").get_layer("flatten").output.shape == (
        None,
        2 * 3 * 512,
    )


def test_smallest_images():
    spec = deep_spec("vgg16")
    spec.check_size(PIXELS)
    assert spec.smallest_side() == 32
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        build("vgg16", (31, 31, 3))
    with pytest.raises(StudyError, match=r"found images of 31×40 .* at least 32×32"):
        spec.check_size((31, 40, 3))


def test_width_halves_every_layer():
    network = build("vgg16", width=0.5)
    filters = [network.get_layer(name).filters for name in MAPS]
    assert filters == [after // 2 for _, after in MAPS.values()]
    assert network.get_layer("fc1").units == 256
    original = build("vgg16", head="original", width=0.5)
    assert [original.get_layer(name).units for name in ("fc1", "fc2")] == [2048, 2048]


def test_every_activation_is_used():
    check_activations("vgg16", [*MAPS, "fc1"])
    check_activations("vgg16", [*MAPS, "fc1", "fc2"], head="original")


def test_batch_norm_and_dropout():
    small, original = build("vgg16"), build("vgg16", head="original", dropout=0.3)
    assert names(small, "BatchNormalization") == [f"{name}_bn" for name in MAPS]
    assert names(original, "BatchNormalization") == [f"{name}_bn" for name in MAPS]
    assert names(small, "Dropout") == ["fc1_dropout"]
    assert names(original, "Dropout") == ["fc1_dropout", "fc2_dropout"]
    assert original.get_layer("fc1_dropout").rate == 0.3
    assert names(build("vgg16", batch_norm=False), "BatchNormalization") == []
    assert names(build("vgg16", dropout=0), "Dropout") == []


@pytest.mark.parametrize("head", ["original", "small"])
def test_penalties_apply_to_every_kernel(head):
    check_penalties("vgg16", head=head)
