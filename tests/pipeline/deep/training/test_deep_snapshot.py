"""A training that is restored to an earlier state repeats exactly the same steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.deep.input.training_input import StoredInputs
from pipeline.deep.options import OptimizerOptions
from pipeline.deep.training import snapshot
from pipeline.deep.training.optimizers import build_optimizer

STEPS = 3
INPUTS = np.random.default_rng(1).normal(size=(STEPS, 12, 6)).astype(np.float32)
LABELS = np.random.default_rng(2).integers(3, size=(STEPS, 12))

OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.05),
    "adam_average": lambda: keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.7),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.2, 8)),
    "accumulated": lambda: keras.optimizers.Adam(0.05, gradient_accumulation_steps=2),
    "loss_scale": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.05), initial_scale=2.0, dynamic_growth_steps=2
    ),
    "lookahead": lambda: build_optimizer(
        OptimizerOptions(
            epochs=3, optimizer="nesterov", learning_rate=0.05, lookahead=2, lookahead_start=0
        ),
        STEPS,
    ),
}


def network(
    optimizer: str = "adam", units: int = 8, policy: str = "float32", eager: bool = True
) -> keras.Model:
    """Compiled, with dropout, noise, batch normalization and a nested model.

    A few eager steps are quicker than the tracing of a function.
    """
    keras.utils.set_random_seed(units)
    first = keras.Input((6,))
    x = keras.layers.Dense(units, activation="relu", dtype=policy)(first)
    x = keras.layers.BatchNormalization(momentum=0.5, dtype=policy)(x)
    inside = keras.Model(first, keras.layers.Dropout(0.4, dtype=policy)(x))
    x = keras.layers.GaussianNoise(0.1)(inside(first))
    model = keras.Model(first, keras.layers.Dense(3, activation="softmax", dtype="float32")(x))
    loss = "sparse_categorical_crossentropy"
    model.compile(OPTIMIZERS[optimizer](), loss=loss, jit_compile=False, run_eagerly=eager)
    return model


def train(model: keras.Model) -> list[np.ndarray]:
    for step in range(STEPS):
        model.train_on_batch(INPUTS[step], LABELS[step])
    return [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]


def train_from(model: keras.Model, kept: dict[str, np.ndarray]) -> list[np.ndarray]:
    snapshot.restore(model, kept)
    return train(model)


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_after_restoring_are_the_same_steps(optimizer):
    model = network(optimizer)
    train(model)
    kept = snapshot.take(model)
    at_first = train(model)
    after = snapshot.take(model)
    assert any(not np.array_equal(kept[name], after[name]) for name in kept if "optimizer" in name)
    assert_same(train_from(model, kept), at_first)
    assert all(np.array_equal(after[name], snapshot.take(model)[name]) for name in after)


@pytest.mark.parametrize(
    ("optimizer", "eager"), [("adam_average", False), ("loss_scale", True), ("momentum", True)]
)
def test_a_model_in_a_new_process_continues_from_a_snapshot(optimizer, eager):
    """Its optimizer has taken no steps, its seeds differ, and so do the names of its layers."""
    model = network(optimizer, eager=eager)
    train(model)
    kept = snapshot.take(model)
    at_first = train(model)
    other = network(optimizer, eager=eager)
    keras.utils.set_random_seed(99)
    assert not other.optimizer.built
    assert_same(train_from(other, kept), at_first)


def test_a_snapshot_is_a_copy():
    model = network()
    kept = snapshot.take(model)
    before = {name: array.copy() for name, array in kept.items()}
    train(model)
    assert all(np.array_equal(kept[name], before[name]) for name in kept)


@pytest.mark.parametrize("left_out", ["seed", "optimizer", "moving"])
def test_each_part_of_a_snapshot_is_needed(left_out):
    """The comparisons above can fail: without one kind of variable the steps differ."""
    model = network("adam")
    names = [name for name, variable in snapshot._variables(model)]
    paths = dict(zip(names, [v.path for _, v in snapshot._variables(model)], strict=True))
    train(model)
    kept = snapshot.take(model)
    at_first = train(model)
    later = snapshot.take(model)
    part = {n for n in names if left_out in f"{n} {paths[n]}"}
    assert part
    mixed = {name: later[name] if name in part else kept[name] for name in kept}
    found = train_from(model, mixed)
    assert any(not np.array_equal(a, b) for a, b in zip(found, at_first, strict=True))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_precisions(policy):
    """Pure bfloat16 has narrow variables, which become float32; float16 scales the loss."""
    model = network("adam", policy=policy)
    if policy == "mixed_float16":
        inner = keras.optimizers.Adam(0.05)
        optimizer = keras.optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=2)
        model.compile(optimizer, loss="sparse_categorical_crossentropy", run_eagerly=True)
    train(model)
    kept = snapshot.take(model)
    assert {array.dtype.kind for array in kept.values()} <= {"f", "i", "u"}
    assert {array.dtype.itemsize for array in kept.values() if array.dtype.kind == "f"} == {4}
    at_first = train(model)
    assert_same(train_from(model, kept), at_first)


def test_images_on_the_device_are_not_state():
    images = np.arange(6000, dtype=np.float32).reshape(1000, 6)
    held = StoredInputs(images)
    first = keras.Input((), dtype="int32")
    inside = keras.Model(first, held(first))
    model = keras.Model(first, keras.layers.Dense(3)(inside(first)))
    model.compile("adam", loss="mse", jit_compile=False)
    assert any(variable is held.values for variable in model.variables)
    kept = snapshot.take(model)
    assert max(array.size for array in kept.values()) < 100
    assert sum(name.startswith("model/") for name in kept) == 2
    snapshot.restore(model, kept)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(held.values), images)


@pytest.mark.parametrize("other", ["units", "optimizer"])
def test_a_snapshot_of_another_model_is_rejected_and_changes_nothing(other):
    kept = snapshot.take(network("adam", units=9) if other == "units" else network("momentum"))
    model = network("adam", units=8)
    before = snapshot.take(model)
    with pytest.raises(ValueError, match=r"shape|variables") as caught:
        snapshot.restore(model, kept)
    expected = "(6, 9)" if other == "units" else "found in only one of them: optimizer/"
    assert expected in str(caught.value)
    after = snapshot.take(model)
    assert all(np.array_equal(before[name], after[name]) for name in before)
