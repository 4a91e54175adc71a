"""LeNet-5: the sizes that the paper gives."""

import numpy as np
import pytest
from deep_cases import deep_spec, splits
from network_cases import build, check_activations, check_penalties, names

from pipeline.checks import StudyError

NEURONS = ["c1", "c3", "c5", "f6"]


def test_parameters_of_the_network_of_1998():
    spec = deep_spec("lenet5", activation="tanh", pooling="max", first_padding="same")
    assert spec.network((28, 28, 1), 10).count_params() == 61_706


def test_parameters_layer_by_layer():
    network = deep_spec("lenet5").network((28, 28, 1), 10)
    counts = {layer.name: layer.count_params() for layer in network.layers if layer.weights}
    assert counts == {
        "c1": 6 * (25 + 1),
        "c3": 16 * (6 * 25 + 1),
        "c5": 120 * (400 + 1),
        "f6": 84 * (120 + 1),
        "output": 10 * (84 + 1),
    }


@pytest.mark.parametrize(
    ("padding", "shapes"),
    [
        ("same", {"c1": (32, 32, 6), "s2": (16, 16, 6), "c3": (12, 12, 16), "s4": (6, 6, 16)}),
        ("valid", {"c1": (28, 28, 6), "s2": (14, 14, 6), "c3": (10, 10, 16), "s4": (5, 5, 16)}),
    ],
)
def test_shapes_on_32_pixels(padding, shapes):
    network = deep_spec("lenet5", first_padding=padding).network((32, 32, 3), 10)
    assert {name: network.get_layer(name).output.shape[1:] for name in shapes} == shapes


def test_options_choose_activation_and_pooling():
    old = build("lenet5", (28, 28, 1), activation="tanh", pooling="average")
    new = build("lenet5", (28, 28, 1))
    assert names(old, "Activation") == [f"{name}_tanh" for name in NEURONS]
    assert names(new, "Activation") == [f"{name}_relu" for name in NEURONS]
    assert names(old, "AveragePooling2D") == names(new, "MaxPooling2D") == ["s2", "s4"]


def test_every_activation_is_used():
    check_activations("lenet5", NEURONS)


def test_batch_norm_and_dropout():
    network = build("lenet5", batch_norm=True, dropout=0.4)
    assert names(network, "BatchNormalization") == [f"{name}_bn" for name in NEURONS]
    assert not network.get_layer("c1").use_bias
    assert names(network, "Dropout") == ["c5_dropout", "f6_dropout"]
    assert network.get_layer("c5_dropout").rate == 0.4
    assert names(build("lenet5"), "BatchNormalization") == []
    assert names(build("lenet5", dropout=0), "Dropout") == []


def test_penalties_apply_to_every_kernel():
    check_penalties("lenet5")


def test_width_halves_every_layer():
    network = build("lenet5", width=0.5)
    assert [network.get_layer(name).filters for name in ("c1", "c3")] == [3, 8]
    assert [network.get_layer(name).units for name in ("c5", "f6")] == [60, 42]


@pytest.mark.parametrize(("padding", "side"), [("same", 12), ("valid", 16)])
def test_smallest_images(padding, side):
    spec = deep_spec("lenet5", first_padding=padding)
    spec.check_size((side, side, 3))
    assert build("lenet5", (side, side, 3), first_padding=padding).output_shape == (None, 10)
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        build("lenet5", (side - 1, side - 1, 3), first_padding=padding)
    with pytest.raises(StudyError, match=f"found images of {side - 1}×40 .* at least {side}×"):
        spec.check_size((side - 1, 40, 3))


def test_training_rejects_small_images_before_it_starts():
    from pipeline.deep.training.fitting import train

    images, labels, _ = splits(3, side=8, sizes=(9, 6, 3))
    with pytest.raises(StudyError, match="at least 12×12"):
        train(deep_spec("lenet5"), images, labels, 3, seed=0)


def test_pixels_are_standardized_by_channel():
    images, _, _ = splits(3)
    layer = deep_spec("lenet5").preprocessing(images["train"])
    channels = np.asarray(layer(images["train"])).reshape(-1, 3)
    np.testing.assert_allclose(channels.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(channels.std(axis=0), 1, atol=1e-4)
