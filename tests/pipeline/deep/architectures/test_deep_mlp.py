"""The multilayer perceptron: its sizes, and the options that make it wider and deeper."""

import pytest
from deep_cases import deep_spec
from network_cases import build, check_activations, check_penalties, names, parameters

from pipeline.checks import StudyError


def test_parameters_layer_by_layer():
    network = build("mlp")
    assert parameters(network) == {
        "hidden1": 512 * (32 * 32 * 3 + 1),
        "hidden2": 512 * (512 + 1),
        "output": 10 * (512 + 1),
    }
    assert network.count_params() == 1_841_162


def test_deeper_and_wider():
    assert list(parameters(build("mlp", layers=4))) == [
        *(f"hidden{number}" for number in (1, 2, 3, 4)),
        "output",
    ]
    wide = build("mlp", layers=1, units=2048)
    assert parameters(wide) == {"hidden1": 2048 * 3073, "output": 10 * 2049}
    assert parameters(build("mlp", layers=1, units=1024, width=2)) == parameters(wide)
    assert build("mlp", width=0.5).get_layer("hidden2").units == 256


def test_every_activation_is_used():
    check_activations("mlp", ["hidden1", "hidden2"])


def test_batch_norm_and_dropout_of_each_hidden_layer():
    network = build("mlp", layers=3, batch_norm=True, dropout=0.4)
    hidden = [f"hidden{number}" for number in (1, 2, 3)]
    assert names(network, "BatchNormalization") == [f"{name}_bn" for name in hidden]
    assert names(network, "Dropout") == [f"{name}_dropout" for name in hidden]
    assert network.get_layer("hidden2_dropout").rate == 0.4
    assert not network.get_layer("hidden1").use_bias
    assert names(build("mlp", dropout=0), "Dropout") == []
    assert names(build("mlp"), "BatchNormalization") == []


def test_penalties_apply_to_every_kernel():
    check_penalties("mlp")


def test_a_single_pixel_is_enough():
    spec = deep_spec("mlp")
    spec.check_size((1, 1, 3))
    assert build("mlp", (1, 1, 3)).output_shape == (None, 10)


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"units": 0}])
def test_a_hidden_layer_is_required(wrong):
    with pytest.raises(StudyError, match=f"deep.mlp.{next(iter(wrong))}: found 0"):
        deep_spec("mlp", **wrong)
