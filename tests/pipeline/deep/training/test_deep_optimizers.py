"""Optimizers: Keras's class with the options' values, and steps compared with formulas."""

import keras
import numpy as np
import pytest

from pipeline.deep.options import OptimizerOptions
from pipeline.deep.training.optimizers import OPTIMIZERS, build_optimizer
from pipeline.deep.training.schedules import EpochSchedule


def options(optimizer, **others):
    return OptimizerOptions(optimizer=optimizer, learning_rate=0.1, **others)


def after_steps(optimizer, gradients, start=(1.0, -2.0), name="kernel"):
    variable = keras.Variable(np.array(start, np.float32), name=name)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.array(gradient, np.float32))])
    return keras.ops.convert_to_numpy(variable)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_class_and_values(name):
    optimizer = build_optimizer(options(name), 10)
    expected = {"momentum": "SGD", "nesterov": "SGD"}.get(name, name)
    assert type(optimizer).__name__.lower() == expected.lower()
    assert optimizer.use_ema is False
    assert optimizer.name.startswith(expected.lower())
    if expected == "SGD" or name == "sgd":
        assert optimizer.momentum == (0.0 if name == "sgd" else 0.9)
        assert optimizer.nesterov is (name == "nesterov")


def test_every_option_is_implemented():
    assert set(OPTIMIZERS) == set(OptimizerOptions.model_fields["optimizer"].annotation.__args__)


def test_only_adamw_has_weight_decay():
    for name in OPTIMIZERS:
        found = build_optimizer(options(name, weight_decay=0.02), 10).weight_decay
        assert (found == 0.02) if name == "adamw" else not found


def test_steps_of_gradient_descent_equal_their_formulas():
    first, second = np.array([0.5, 1.0]), np.array([-1.0, 2.0])
    start = np.array([1.0, -2.0])
    found = after_steps(build_optimizer(options("sgd"), 10), [first, second])
    np.testing.assert_allclose(found, start - 0.1 * (first + second), rtol=1e-6)
    found = after_steps(build_optimizer(options("momentum", momentum=0.8), 10), [first, second])
    expected = start - 0.1 * first - 0.1 * (second + 0.8 * first)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    found = after_steps(build_optimizer(options("nesterov", momentum=0.8), 10), [first, second])
    velocities = [first, second + 0.8 * first]
    looks_ahead = [first + 0.8 * velocities[0], second + 0.8 * velocities[1]]
    np.testing.assert_allclose(found, start - 0.1 * sum(looks_ahead), rtol=1e-6)


def test_adamw_decays_only_kernels_and_separately_from_the_gradient():
    gradient, start = np.array([0.5, -1.0]), np.array([1.0, -2.0])
    # The first step of Adam is the learning rate times the gradient's sign.
    step = 0.1 * gradient / (np.abs(gradient) + 1e-7)
    spec = options("adamw", weight_decay=0.3)
    found = after_steps(build_optimizer(spec, 10), [gradient])
    np.testing.assert_allclose(found, start * (1 - 0.1 * 0.3) - step, rtol=1e-4)
    for name in ("bias", "gamma", "beta", "alpha"):
        found = after_steps(build_optimizer(spec, 10), [gradient], name=name)
        np.testing.assert_allclose(found, start - step, rtol=1e-4)


def test_the_learning_rate_is_a_schedule_or_for_plateau_a_variable():
    follows = build_optimizer(options("sgd", epochs=4, schedule="cosine"), 10)
    assert isinstance(follows._learning_rate, EpochSchedule)
    by_hand = build_optimizer(options("sgd", schedule="plateau"), 10)
    assert float(by_hand.learning_rate) == pytest.approx(0.1)
    by_hand.learning_rate = 0.01
    found = after_steps(by_hand, [[1.0, 1.0]])
    np.testing.assert_allclose(found, [0.99, -2.01], rtol=1e-6)


def test_decay_depends_on_the_names_of_weights():
    layers = keras.layers
    network = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.PReLU()]
    )
    network.compile(
        build_optimizer(options("adamw", weight_decay=0.5), 10), loss=lambda y, p: 0 * p
    )
    for weight in network.trainable_weights:
        weight.assign(keras.ops.ones(weight.shape))
    network.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    shrunk = {weight.name: float(np.max(weight)) for weight in network.trainable_weights}
    assert shrunk == {"kernel": pytest.approx(0.95), "bias": 1, "gamma": 1, "beta": 1, "alpha": 1}


def test_moving_average_of_weights():
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.compile(build_optimizer(options("sgd", ema=0.75), 10), loss=lambda y, p: p)
    network.set_weights([np.ones((1, 1))])
    # A gradient of 1 at each of three steps: the weights are 0.9, 0.8, 0.7.
    network.fit(np.ones((3, 1)), np.ones((3, 1)), batch_size=1, verbose=0)
    average = 0.75 * (0.75 * 0.9 + 0.25 * 0.8) + 0.25 * 0.7
    assert float(network.get_weights()[0][0, 0]) == pytest.approx(average)
