"""LeNet-5: the sizes that the paper gives."""

import numpy as np
import pytest
from deep_cases import deep_spec, splits

from pipeline.checks import StudyError
from pipeline.deep.training import train


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
    old = deep_spec("lenet5", activation="tanh", pooling="average").network((28, 28, 1), 10)
    new = deep_spec("lenet5").network((28, 28, 1), 10)
    names = ("c1", "c3", "c5", "f6")
    assert {old.get_layer(name).activation.__name__ for name in names} == {"tanh"}
    assert {new.get_layer(name).activation.__name__ for name in names} == {"relu"}
    assert type(old.get_layer("s2")).__name__ == "AveragePooling2D"
    assert type(new.get_layer("s4")).__name__ == "MaxPooling2D"


@pytest.mark.parametrize(("padding", "side"), [("same", 12), ("valid", 16)])
def test_smallest_images(padding, side):
    spec = deep_spec("lenet5", first_padding=padding)
    spec.check_size((side, side, 3))
    assert spec.network((side, side, 3), 10).output_shape == (None, 10)
    with pytest.raises(StudyError, match=f"found images of {side - 1}×40 .* at least {side}×"):
        spec.check_size((side - 1, 40, 3))


def test_training_refuses_small_images_before_it_starts():
    images, labels, _ = splits(3, side=8, sizes=(9, 6, 3))
    with pytest.raises(StudyError, match="at least 12×12"):
        train(deep_spec("lenet5"), images, labels, 3, seed=0)


def test_pixels_are_standardised_by_channel():
    images, _, _ = splits(3)
    layer = deep_spec("lenet5").preprocessing(images["train"])
    channels = np.asarray(layer(images["train"])).reshape(-1, 3)
    np.testing.assert_allclose(channels.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(channels.std(axis=0), 1, atol=1e-4)
