"""AlexNet: the sizes of its two forms, its options, and its errors for small images."""

import keras
import numpy as np
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

ORIGINAL = {"form": "original"}
PHOTOGRAPH = (227, 227, 3)
CONVOLUTIONS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
DENSE = ["fc6", "fc7"]


def test_parameters_of_the_original():
    network = build("alexnet", PHOTOGRAPH, **ORIGINAL)
    assert network.count_params() == 58_327_818
    assert trainable(network) == 58_325_066


def test_parameters_of_the_original_layer_by_layer():
    network = build("alexnet", PHOTOGRAPH, batch_norm=False, **ORIGINAL)
    expected = {
        "conv1": 96 * (11 * 11 * 3 + 1),
        "conv2": 256 * (5 * 5 * 96 + 1),
        "conv3": 384 * (3 * 3 * 256 + 1),
        "conv4": 384 * (3 * 3 * 384 + 1),
        "conv5": 256 * (3 * 3 * 384 + 1),
        "fc6": 4096 * (6 * 6 * 256 + 1),
        "fc7": 4096 * (4096 + 1),
        "output": 10 * (4096 + 1),
    }
    assert parameters(network) == expected
    normalized = parameters(build("alexnet", PHOTOGRAPH, **ORIGINAL))
    assert normalized == expected | {
        "conv1_bn": 4 * 96,
        "conv2_bn": 4 * 256,
        "conv3_bn": 4 * 384,
        "conv4_bn": 4 * 384,
        "conv5_bn": 4 * 256,
    }


def test_parameters_of_the_small_form_layer_by_layer():
    network = build("alexnet")
    normalizations = [f"{name}_bn" for name in CONVOLUTIONS]
    counts = {name: n for name, n in parameters(network).items() if name not in normalizations}
    assert counts == {
        "conv1": 96 * 5 * 5 * 3,
        "conv2": 256 * 5 * 5 * 96,
        "conv3": 384 * 3 * 3 * 256,
        "conv4": 384 * 3 * 3 * 384,
        "conv5": 256 * 3 * 3 * 384,
        "fc6": 1024 * (3 * 3 * 256 + 1),
        "fc7": 1024 * (1024 + 1),
        "output": 10 * (1024 + 1),
    }
    assert network.count_params() == sum(counts.values()) + 4 * (96 + 256 + 384 + 384 + 256)


def test_shapes_of_the_original():
    network = build("alexnet", PHOTOGRAPH, **ORIGINAL)
    assert shapes(network, "conv1", "pool1", "conv2", "pool2", "conv4", "pool5", "flatten") == {
        "conv1": (55, 55, 96),
        "pool1": (27, 27, 96),
        "conv2": (27, 27, 256),
        "pool2": (13, 13, 256),
        "conv4": (13, 13, 384),
        "pool5": (6, 6, 256),
        "flatten": (9216,),
    }


def test_shapes_of_the_small_form_on_32_pixels():
    network = build("alexnet")
    assert shapes(network, "conv1", "pool1", "conv2", "pool2", "conv5", "pool5", "flatten") == {
        "conv1": (32, 32, 96),
        "pool1": (15, 15, 96),
        "conv2": (15, 15, 256),
        "pool2": (7, 7, 256),
        "conv5": (7, 7, 256),
        "pool5": (3, 3, 256),
        "flatten": (2304,),
    }
    assert network.get_layer("conv1").strides == (1, 1)


@pytest.mark.parametrize(("form", "side"), [("original", 67), ("small", 15)])
def test_smallest_images(form, side):
    spec = deep_spec("alexnet", form=form)
    spec.check_size((side, side, 3))
    assert spec.smallest_side() == side
    assert shapes(build("alexnet", (side, side, 3), form=form), "pool5") == {"pool5": (1, 1, 256)}
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        build("alexnet", (side - 1, side - 1, 3), form=form)
    with pytest.raises(StudyError, match=f"found images of {side - 1}×90 .* at least {side}×"):
        spec.check_size((side - 1, 90, 3))


def test_the_original_suggests_what_to_do_with_small_images():
    with pytest.raises(StudyError, match=r"32×32 .* Set image_size: 227, or form: small"):
        deep_spec("alexnet", form="original").check_size(PIXELS)


def test_the_original_on_resized_small_images():
    deep_spec("alexnet", image_size=227, **ORIGINAL).check_size((8, 8, 3))
    network = build("alexnet", image_size=227, **ORIGINAL)
    assert network.input_shape == (None, *PIXELS)
    assert shapes(network, "resize", "conv1") == {"resize": PHOTOGRAPH, "conv1": (55, 55, 96)}
    assert network.count_params() == 58_327_818
    assert names(build("alexnet", PHOTOGRAPH, image_size=227, **ORIGINAL), "Resizing") == []


def test_resized_images_get_the_scores_of_large_images(tmp_path):
    options = {"form": "original", "width": 0.02}
    resized = deep_spec("alexnet", image_size=67, **options).network((16, 16, 3), 4)
    large = deep_spec("alexnet", **options).network((67, 67, 3), 4)
    large.set_weights(resized.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    enlarged = keras.ops.image.resize(images, (67, 67), interpolation="bilinear")
    expected = np.asarray(large(enlarged, training=False))
    resized.save(tmp_path / "model.keras")
    # Without an explicit mode, a network must not be in training mode, where dropout is active.
    for network in (resized, keras.saving.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(network(images), expected, atol=1e-6)
    assert not np.allclose(resized(images, training=True), expected, atol=1e-3)


@pytest.mark.parametrize(("form", "size"), [("original", 66), ("small", 14)])
def test_too_small_an_image_size_is_rejected(form, size):
    with pytest.raises(StudyError, match=f"deep.alexnet: found image_size: {size} with form"):
        deep_spec("alexnet", form=form, image_size=size)


@pytest.mark.parametrize("form", ["original", "small"])
def test_width_halves_every_layer(form):
    network = build("alexnet", PHOTOGRAPH, form=form, width=0.5)
    filters = [network.get_layer(name).filters for name in CONVOLUTIONS]
    assert filters == [48, 128, 192, 192, 128]
    units = {"original": 2048, "small": 512}[form]
    assert [network.get_layer(name).units for name in DENSE] == [units, units]


@pytest.mark.parametrize("form", ["original", "small"])
def test_every_activation_is_used(form):
    check_activations("alexnet", CONVOLUTIONS + DENSE, form=form, image_size=227)


@pytest.mark.parametrize("form", ["original", "small"])
def test_batch_norm_and_dropout(form):
    options = {"form": form, "image_size": 227}
    network = build("alexnet", **options)
    assert names(network, "BatchNormalization") == [f"{name}_bn" for name in CONVOLUTIONS]
    assert names(network, "Dropout") == ["fc6_dropout", "fc7_dropout"]
    assert names(build("alexnet", batch_norm=False, **options), "BatchNormalization") == []
    assert names(build("alexnet", dropout=0, **options), "Dropout") == []
    pieces = build("alexnet", activation="maxout", **options)
    assert len(names(pieces, "BatchNormalization")) == 2 * len(CONVOLUTIONS)


def test_only_the_original_keeps_biases_with_normalization():
    original, small = build("alexnet", PHOTOGRAPH, **ORIGINAL), build("alexnet")
    assert {original.get_layer(name).use_bias for name in CONVOLUTIONS + DENSE} == {True}
    assert {small.get_layer(name).use_bias for name in CONVOLUTIONS} == {False}
    assert {small.get_layer(name).use_bias for name in DENSE} == {True}


@pytest.mark.parametrize("form", ["original", "small"])
def test_penalties_apply_to_every_kernel(form):
    check_penalties("alexnet", form=form, image_size=227)
