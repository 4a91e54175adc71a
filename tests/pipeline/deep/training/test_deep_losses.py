"""Losses: comparison with NumPy, and gradients where probabilities are 0 or 1."""

import keras
import numpy as np
import pytest

from pipeline.deep.options import LossOptions
from pipeline.deep.training.losses import LOSSES, build_loss


def costs(name, p):
    """The cost of each class if it were the correct one: (n, classes) for probabilities p."""
    n_classes = p.shape[1]
    found = np.zeros(p.shape)
    for k in range(n_classes):
        others = np.delete(p, k, axis=1)
        found[:, k] = {
            "cross_entropy": -np.log(p[:, k]),
            "squared_error": ((p - np.eye(n_classes)[k]) ** 2).sum(axis=1),
            "hinge": np.maximum(0, 1 + np.log(others.max(axis=1)) - np.log(p[:, k])),
            "focal": -((1 - p[:, k]) ** 2) * np.log(p[:, k]),
        }[name]
    return found


def expected(name, p, labels, smoothing):
    target = np.eye(p.shape[1])[labels] * (1 - smoothing) + smoothing / p.shape[1]
    return (target * costs(name, p)).sum(axis=1).mean()


def probabilities(n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_classes), n), rng.integers(0, n_classes, n)


def options(name, smoothing=0.0):
    return LossOptions(loss=name, label_smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_equals_its_formula(name, n_classes, smoothing):
    p, labels = probabilities(60, n_classes)
    loss = build_loss(options(name, smoothing), n_classes)
    want = expected(name, p, labels, smoothing)
    assert float(loss(labels, p.astype(np.float32))) == pytest.approx(want, rel=1e-5)
    if n_classes == 2:
        assert float(loss(labels, p[:, 1:].astype(np.float32))) == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("units", [1, 2, 5])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", LOSSES)
def test_weights_multiply_the_cost_of_an_image_by_its_label(name, smoothing, units):
    n_classes = max(units, 2)
    p, labels = probabilities(60, n_classes)
    weights = np.linspace(0.25, 3, n_classes)
    loss = build_loss(options(name, smoothing), n_classes, weights)
    each = [expected(name, p[[i]], labels[[i]], smoothing) for i in range(60)]
    outputs = p[:, 1:] if units == 1 else p
    found = float(loss(labels, outputs.astype(np.float32)))
    assert found == pytest.approx((weights[labels] * each).mean(), rel=1e-4)
    half = float(loss(labels, keras.ops.cast(outputs, "bfloat16")))
    assert half == pytest.approx(found, rel=0.05)


def test_every_option_is_implemented():
    assert set(LOSSES) == set(LossOptions.model_fields["loss"].annotation.__args__)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_equals_that_of_keras(smoothing):
    p, labels = (each.astype(np.float32) for each in probabilities(40, 4))
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    ours = build_loss(options("cross_entropy", smoothing), 4)
    target = np.eye(4, dtype=np.float32)[labels.astype(int)]
    assert float(ours(labels, p)) == pytest.approx(float(theirs(target, p)), rel=1e-5)
    p, labels = (each.astype(np.float32) for each in probabilities(40, 2))
    theirs = keras.losses.BinaryCrossentropy(label_smoothing=smoothing)
    ours = build_loss(options("cross_entropy", smoothing), 2)
    found = float(ours(labels, p[:, 1:]))
    assert found == pytest.approx(float(theirs(labels[:, None], p[:, 1:])), rel=1e-5)


def test_squared_error_of_a_smoothed_label_is_its_distance_up_to_a_constant():
    p, labels = probabilities(30, 3)
    loss = build_loss(options("squared_error", 0.3), 3)
    target = np.eye(3)[labels] * 0.7 + 0.1
    constant = 1 - (np.array([0.8, 0.1, 0.1]) ** 2).sum()
    distance = ((p - target) ** 2).sum(axis=1).mean()
    assert float(loss(labels, p.astype(np.float32))) == pytest.approx(distance + constant, rel=1e-5)


def step_of(name, logits, labels, smoothing=0.0, softened=lambda x: x, eager=False):
    """Return loss and gradient in the logits, which are biases, by one step of rate 1."""
    units = len(logits)
    kind = "sigmoid" if units == 1 else "softmax"
    output = keras.layers.Dense(units, activation=kind, dtype="float32")
    first = keras.Input((1,))
    network = keras.Model(first, softened(output(first)))
    output.set_weights([np.zeros((1, units)), np.array(logits)])
    loss = build_loss(options(name, smoothing), max(units, 2))
    network.compile(keras.optimizers.SGD(1.0), loss=loss, jit_compile=False, run_eagerly=eager)
    value = network.train_on_batch(np.zeros((len(labels), 1)), np.array(labels))
    return float(value), np.array(logits) - output.get_weights()[1]


@pytest.mark.parametrize(
    ("logits", "label", "gradient"),
    [([200.0, 0.0, -300.0], 1, [1, -1, 0]), ([90.0], 0, [1]), ([-90.0], 1, [-1])],
    ids=str,
)
@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "focal"])
def test_gradients_do_not_vanish_when_the_correct_class_has_probability_0(
    name, logits, label, gradient
):
    value, found = step_of(name, logits, [label])
    gap = logits[0] - logits[1] if len(logits) > 1 else abs(logits[0])
    assert value == pytest.approx(gap + (name == "hinge"), rel=1e-5)
    np.testing.assert_allclose(found, gradient, atol=1e-4)


def test_without_known_logits_a_softmax_has_a_gradient_at_86_too():
    hidden = keras.layers.Reshape((3,))
    value, found = step_of("cross_entropy", [86.0, 0.0, 0.0], [1], softened=hidden)
    assert value == pytest.approx(86, rel=1e-5)
    np.testing.assert_allclose(found, [1, -1, 0], atol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("logits", [[1000.0, 0.0, -1000.0], [1000.0], [-1000.0]], ids=str)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("known", [True, False])
def test_losses_are_finite_at_probabilities_of_0_and_1(name, logits, smoothing, known):
    softened = (lambda x: x) if known else keras.layers.Reshape((len(logits),))
    value, gradient = step_of(name, logits, [0, 1], smoothing, softened, eager=True)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_computed_in_float32_even_for_half_precision_outputs():
    p, labels = probabilities(20, 3)
    half = keras.ops.cast(p.astype(np.float32), "bfloat16")
    found = build_loss(options("cross_entropy"), 3)(labels, half)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(expected("cross_entropy", p, labels, 0), rel=0.02)
