"""Steps of optimizers compared with NumPy: rates and decay by weight, Lookahead, Muon."""

import keras
import numpy as np
import pytest

from pipeline.deep.options import OptimizerOptions
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.optimizers import build_optimizer
from pipeline.deep.training.schedules import learning_rate_at
from pipeline.deep.training.steps import orthogonalized

PER_EPOCH = 4


def weights_after_each_step(spec, starts, gradients):
    """The weights, as a list of arrays, after each step; they are named as in `starts`."""
    variables = [keras.Variable(value, name=name) for name, value in starts.items()]
    optimizer = build_optimizer(spec, PER_EPOCH)
    optimizer.build(variables)
    found = []
    for each in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in each])
        found.append([np.array(keras.ops.convert_to_numpy(v)) for v in variables])
    return found


def draws(*shapes, steps, seed=0):
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(steps)]


def options(**given):
    return OptimizerOptions(**{"optimizer": "sgd", "learning_rate": 0.1, "epochs": 5, **given})


def test_offsets_of_normalization_have_their_own_rate():
    starts = {name: np.float32([1, 2]) for name in ("kernel", "gamma", "beta", "bias")}
    (found,) = weights_after_each_step(options(bias_rate=64.0), starts, [[np.ones(2, "f")] * 4])
    steps = [start - after for start, after in zip(starts.values(), found, strict=True)]
    np.testing.assert_allclose(np.stack(steps)[:, 0], [0.1, 0.1, 6.4, 0.1], rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_decay_of_biases_is_the_same_fraction_per_step_at_any_rate(optimizer):
    """The penalty on kernels is in the layers, unless the optimizer decays them."""
    spec = options(optimizer=optimizer, weight_decay=0.3, decay_biases=True, bias_rate=8.0)
    starts = {name: np.float32([1, 2]) for name in ("kernel", "gamma", "beta", "bias")}
    (found,) = weights_after_each_step(spec, starts, [[np.zeros(2, "f")] * 4])
    kernel = 0.97 if optimizer == "adamw" else 1.0
    expected = np.outer([kernel, 0.97, 0.97, 0.97], [1, 2])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_bias_of_the_whitening_layer_is_fixed_after_its_epochs():
    layer = keras.layers.Conv2D(2, 1, name="whitening")
    layer.build((None, 4, 4, 3))
    spec = options(
        optimizer="momentum", whitening_bias_epochs=1.5, whitening_bias_rate=3.0, weight_decay=0.1
    )
    optimizer = build_optimizer(spec, PER_EPOCH)
    optimizer.build([layer.bias])
    found = []
    for _ in range(10):
        optimizer.apply([keras.ops.ones(2)])
        found.append(float(layer.bias[0]))
    assert found[0] == pytest.approx(-0.3)
    assert len(set(found[:6])) == 6
    assert len(set(found[5:])) == 1


def lookahead_in_numpy(start, gradients, rate, every, decay, begin, total):
    """Gradient descent; the slow weights follow as in airbench94.py."""
    fast, slow, found = start.astype(np.float64), None, []
    for number, gradient in enumerate(gradients, 1):
        fast = fast - rate * gradient
        if number > begin and number % every == 0:
            if slow is None:
                slow = fast.copy()
            else:
                kept = decay**every * (number / total) ** 3
                slow = kept * slow + (1 - kept) * fast
                fast = slow.copy()
        if slow is not None and number % PER_EPOCH == 0:
            fast = slow.copy()
        found.append(fast.copy())
    return np.array(found)


@pytest.mark.parametrize(("every", "start"), [(3, 1.0), (5, 0.5), (1, 0.0), (3, 3.0)])
def test_lookahead_equals_numpy(every, start):
    spec = options(lookahead=every, lookahead_decay=0.9, lookahead_start=start)
    gradients = draws((3,), steps=20)
    first = np.float32([1, -2, 3])
    found = weights_after_each_step(spec, {"kernel": first}, gradients)
    expected = lookahead_in_numpy(
        first, [g for (g,) in gradients], 0.1, every, 0.9, start * PER_EPOCH, 20
    )
    np.testing.assert_allclose(np.array(found)[:, 0], expected, rtol=1e-4, atol=1e-5)
    without = weights_after_each_step(options(), {"kernel": first}, gradients)
    assert not np.allclose(np.array(without)[-1, 0], expected[-1], atol=1e-3)


def muon_in_numpy(start, gradients, rates, momentum):
    """The filters of airbench94_muon.py, as rows of a matrix."""
    filters = start.shape[-1]
    weight = start.reshape(-1, filters).T.astype(np.float64)
    buffer, found = np.zeros_like(weight), []
    for gradient, rate in zip(gradients, rates, strict=True):
        gradient = gradient.reshape(-1, filters).T
        buffer = momentum * buffer + gradient
        x = gradient + momentum * buffer
        x = x / np.linalg.norm(x)
        for _ in range(3):
            square = x @ x.T
            x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
        weight = weight * filters**0.5 / np.linalg.norm(weight) - rate * x
        found.append(weight.T.reshape(start.shape))
    return found


def nesterov_in_numpy(start, gradients, rates, momentum, decay):
    weight, velocity, found = start.astype(np.float64), 0.0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        gradient = gradient + decay * weight
        velocity = momentum * velocity - rate * gradient
        weight = weight + momentum * velocity - rate * gradient
        found.append(weight)
    return found


@pytest.mark.parametrize("shape", [(3, 3, 2, 5), (1, 1, 2, 6)])
def test_muon_equals_numpy_for_filters_and_gradient_descent_for_the_rest(shape):
    spec = options(
        optimizer="muon", learning_rate=0.24, sgd_rate=0.6, momentum=0.85, muon_momentum=0.6,
        bias_rate=10.0, decay_biases=True, weight_decay=0.02, schedule="linear",
    )  # fmt: skip
    start = draws(shape, (5, 4), (5,), steps=1, seed=9)[0]
    gradients = draws(shape, (5, 4), (5,), steps=8)
    names = ("kernel", "output", "beta")
    found = weights_after_each_step(spec, dict(zip(names, start, strict=True)), gradients)
    rates = np.array([learning_rate_at(spec, (step + 0.5) / PER_EPOCH) for step in range(8)])
    filters, output, beta = zip(*gradients, strict=True)
    shared = rates * 0.6 / 0.24
    expected = [
        muon_in_numpy(start[0], filters, rates, 0.6),
        nesterov_in_numpy(start[1], output, shared, 0.85, 0.02),
        nesterov_in_numpy(start[2], beta, 10 * shared, 0.85, 0.002),
    ]
    for index in range(3):
        for one, other in zip(found, expected[index], strict=True):
            np.testing.assert_allclose(one[index], other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(4, 30), (30, 4)])
def test_orthogonalized_matrices_keep_their_singular_vectors(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = keras.ops.convert_to_numpy(orthogonalized(keras.ops.convert_to_tensor(matrix)))
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    between = left.T @ found @ right.T
    np.testing.assert_allclose(between - np.diag(np.diag(between)), 0, atol=1e-4)
    assert 0.6 < np.diag(between).min() <= np.diag(between).max() < 1.3


def test_steps_are_the_same_when_compiled():
    """With everything at once, in calls of several steps."""
    spec = options(
        optimizer="muon", epochs=2, lookahead=3, lookahead_start=0.5, bias_rate=4.0,
        decay_biases=True, weight_decay=0.1, schedule="linear", warmup=0.5,
    )  # fmt: skip

    def trained(eager, steps):
        keras.utils.set_random_seed(0)
        network = keras.Sequential(
            [
                keras.Input((4, 4, 2)),
                keras.layers.Conv2D(3, 3),
                keras.layers.BatchNormalization(),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )
        optimizer = build_optimizer(spec, PER_EPOCH)
        optimizer.build(network.trainable_variables)
        how = {"run_eagerly": True} if eager else {"steps_per_execution": steps}
        network.compile(optimizer, loss="mse", **how)
        rng = np.random.default_rng(0)
        images, values = rng.normal(size=(16, 4, 4, 2)), rng.normal(size=(16, 1))
        network.fit(images, values, batch_size=4, epochs=2, verbose=0, shuffle=False)
        return network.get_weights()

    for one, other in zip(trained(True, 1), trained(False, 2), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"final": 0.1}, "found final with schedule: constant; .*linear"),
        ({"sgd_rate": 0.1}, "found sgd_rate with optimizer: sgd; .*muon"),
    ],
)
def test_options_of_another_optimizer_or_schedule_are_rejected(given, message):
    with pytest.raises(ValueError, match=message):
        options(**given)


def test_every_network_has_these_options():
    assert set(OptimizerOptions.model_fields) <= set(DeepSpec.model_fields)
