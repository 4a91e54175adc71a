"""What the options say of layers, in every network that has such layers."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec
from network_cases import build, kernels, layers_of, names

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.deep.options import Initializer

NETWORKS = {
    method: {"width": 0.1, "batch_norm": True}
    for method in registry.method_names("deep")
    if method != "transfer"  # its layers are those of its base
}


def before_normalization(network):
    """The kinds of layers that normalizations follow."""
    normalizations = layers_of(network, "BatchNormalization")
    return {type(layer.input._keras_history.operation).__name__ for layer in normalizations}


@pytest.mark.parametrize("method", NETWORKS)
def test_normalization_stands_before_the_activation_or_after_it(method):
    before, after = (build(method, norm_place=p, **NETWORKS[method]) for p in ("before", "after"))
    assert before_normalization(before) <= {"Conv2D", "Dense", "MaxPooling2D"}
    # The second layer of a residual block has its activation behind the addition.
    ahead_of_additions = {"Conv2D"} if method == "resnet" else set()
    assert before_normalization(after) == {"Activation"} | ahead_of_additions
    placed = [set(names(each, "BatchNormalization")) for each in (before, after)]
    assert placed[0] == placed[1] != set()


def test_a_bias_precedes_an_activation_but_not_a_normalization():
    before, after = (build("mlp", batch_norm=True, norm_place=p) for p in ("before", "after"))
    assert not before.get_layer("hidden1").use_bias
    assert after.get_layer("hidden1").use_bias
    maxout = build("mlp", batch_norm=True, norm_place="after", activation="maxout")
    assert names(maxout, "BatchNormalization") == ["hidden1_bn", "hidden2_bn"]
    assert before_normalization(maxout) == {"Maximum"}


@pytest.mark.parametrize("method", NETWORKS)
def test_initial_values_are_those_of_the_option_in_every_kernel(method):
    network = build(method, initializer="normal", initial_deviation=0.5, **NETWORKS[method])
    initial = {layer.name: layer.kernel_initializer for layer in network.layers
               if layer.name in kernels(network) and layer.name != "whitening"}  # fmt: skip
    assert {(type(each), each.stddev) for each in initial.values()} == {
        (keras.initializers.RandomNormal, 0.5)
    }
    assert "output" in initial


@pytest.mark.parametrize("name", Initializer.__args__)
def test_every_initializer_is_known_to_keras(name):
    network = deep_spec("mlp", units=64, layers=1, initializer=name).network((8, 8, 3), 10)
    kernel = np.asarray(network.get_layer("hidden1").kernel)
    expected = {"zeros": 0, "normal": 0.01, "lecun_normal": 192**-0.5, "orthogonal": 192**-0.5,
                "glorot_normal": 128**-0.5, "glorot_uniform": 128**-0.5,
                "he_uniform": 96**-0.5}  # fmt: skip
    assert kernel.std() == pytest.approx(expected.get(name, 96**-0.5), rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm_place": "after"}, "norm_place: after without batch normalization"),
        ({"initial_deviation": 0.1}, "initial_deviation with initializer: auto"),
        ({"initializer": "ones"}, "initializer: found 'ones'"),
    ],
)
def test_options_without_effect_are_refused(options, message):
    with pytest.raises(StudyError, match=message):
        deep_spec("mlp", **options)
