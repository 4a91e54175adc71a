"""A step of `TrainingModel` against the same step of Keras's model."""

import keras
import numpy as np
import pytest

from pipeline.deep.training_model import TrainingModel

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow's operations are replaced"
)
POLICIES = ("float32", "mixed_bfloat16")


def _network(filters: int, policy: str, activation: str = "gelu") -> keras.Model:
    layers = keras.layers
    first = keras.Input((12, 12, 3))
    x = layers.Conv2D(filters, 3, padding="same", dtype=policy, name="conv")(first)
    x = layers.BatchNormalization(dtype=policy, name="bn")(x)
    x = layers.Activation(activation, dtype=policy, name="act")(x)
    x = layers.Conv2D(filters, 3, use_bias=False, dtype=policy, name="conv2")(x)
    x = layers.BatchNormalization(scale=False, momentum=0.6, epsilon=1e-12, dtype=policy)(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(layers.Activation(activation, dtype=policy)(x))
    return keras.Model(first, layers.Dense(3, activation="softmax", dtype="float32")(x))


def _after_steps(kind: type, network: keras.Model, steps: int = 1) -> dict[str, np.ndarray]:
    """Return what each variable has changed by."""
    random = np.random.default_rng(0)
    images = random.normal(1, 1, (64, 12, 12, 3)).astype(np.float32)
    labels = np.arange(64) % 3
    images += labels[:, None, None, None] * random.normal(0, 1, (12, 12, 3))
    before = [np.array(each) for each in network.get_weights()]
    model = kind(network.inputs[0], network(network.inputs[0]))
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", jit_compile=False)
    for _ in range(steps):
        model.train_on_batch(images, labels)
    changes = {
        variable.path: after - start
        for variable, after, start in zip(
            network.variables, network.get_weights(), before, strict=True
        )
    }
    network.set_weights(before)
    return changes


@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("filters", [6, 8, 16, 24])
def test_a_step_changes_all_variables_as_in_keras(filters, activation):
    keras.utils.set_random_seed(0)
    network = _network(filters, "float32", activation)
    usual = _after_steps(keras.Model, network)
    ours = _after_steps(TrainingModel, network)
    for path, change in usual.items():
        unit = max(np.abs(change).max(), 1e-3)  # a bias before a normalization has no gradient
        np.testing.assert_allclose(ours[path] / unit, change / unit, atol=2e-3, err_msg=path)


@pytest.mark.parametrize("filters", [6, 16, 24])
def test_in_bfloat16_a_step_is_near_that_of_float32(filters):
    keras.utils.set_random_seed(0)
    exact = _network(filters, "float32")
    rounded = _network(filters, "mixed_bfloat16")
    rounded.set_weights(exact.get_weights())
    wanted = _after_steps(TrainingModel, exact)
    found = _after_steps(TrainingModel, rounded)
    for (path, change), other in zip(wanted.items(), found.values(), strict=True):
        if path != "conv/bias":  # its gradient is 0, but for rounding
            assert np.linalg.norm(other - change) < 0.1 * np.linalg.norm(change), path


@pytest.mark.parametrize("policy", POLICIES)
def test_the_gradient_of_a_bias_counts_every_position(policy):
    # A sum of bfloat16 numbers in bfloat16 would stay at 256 times the first of them.
    first = keras.Input((32, 32, 1))
    conv = keras.layers.Conv2D(
        1, 1, kernel_initializer="zeros", dtype=policy, name="conv", activation="linear"
    )
    model = TrainingModel(first, conv(first))
    model.compile(keras.optimizers.SGD(1.0), lambda _, y: keras.ops.sum(y), jit_compile=False)
    model.train_on_batch(np.zeros((8, 32, 32, 1), np.float32), np.zeros((8, 1)))
    assert conv.bias.numpy()[0] == pytest.approx(-8 * 32 * 32, rel=0.01)


def test_the_layers_are_keras_again_after_a_step():
    network = _network(16, "float32")
    before = network.get_config()
    _after_steps(TrainingModel, network)
    assert network.get_config() == before
    assert "call" not in vars(network.get_layer("bn"))
    assert network.get_layer("act").activation is keras.activations.gelu


def test_what_is_not_trained_is_left_as_it_is():
    network = _network(16, "float32")
    network.get_layer("bn").trainable = False
    changes = _after_steps(TrainingModel, network, steps=2)
    of_bn = [change for path, change in changes.items() if path.startswith("bn/")]
    assert len(of_bn) == 4
    assert not any(change.any() for change in of_bn)
