import math
import random
import re

import keras
import numpy as np
import pytest
from deep_cases import colored_squares

from pipeline.checks import StudyError
from pipeline.deep.input.batches import Batches
from pipeline.deep.input.preprocessing import standardization
from pipeline.deep.sanity import learning_checks, overfit_one_batch, preflight
from pipeline.deep.sanity.input_checks import check_inputs, preprocessed
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.epochs import Trainable
from pipeline.pretrained.base_features import JoinedRows

NAMES = ["device", "inputs", "labels", "model", "memory", "first loss", "one batch", "time"]
SIDE = 8


class Case:
    """A network with all that stands around it in a training."""

    def __init__(self, *layers, n_classes=3, standardize=True, optimizer="adam", **options):
        keras.utils.set_random_seed(4)
        self.spec = DeepSpec(method="tiny", batch_size=20, epochs=3, optimizer=optimizer, **options)
        self.n_classes = n_classes
        pairs = [colored_squares(n, n_classes, SIDE, seed) for seed, n in enumerate((90, 30))]
        names = ("train", "validation")
        self.inputs = {name: pair[0] for name, pair in zip(names, pairs, strict=True)}
        self.labels = {name: pair[1] for name, pair in zip(names, pairs, strict=True)}
        first = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="inputs")
        outputs = 1 if n_classes == 2 else n_classes
        last = keras.layers.Dense(outputs, "sigmoid" if outputs == 1 else "softmax", name="output")
        body = keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers, last])
        before = standardization(self.inputs["train"]) if standardize else None
        self.network = keras.Model(first, body(before(first) if before else first))
        given = {"inputs": keras.Input((SIDE, SIDE, 3), dtype="uint8", name="inputs")}
        self.model = keras.Model(given, self.network(given["inputs"]))
        loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
        self.model.compile(optimizer, loss=loss, jit_compile=False)

    def batches(self, **options):
        return Batches(self.inputs["train"], self.labels["train"], 20, 0, self.spec, **options)

    def check(self, **options):
        trainable = Trainable(
            spec=self.spec,
            phase=0,
            phases=1,
            network=self.network,
            model=self.model,
            batches=self.batches(**options),
            inputs=self.inputs,
            labels=self.labels,
        )
        return preflight.preflight(trainable, self.n_classes)


def plain(*, units=16, activation="relu", **options):
    layers = keras.layers
    return Case(layers.Flatten(), layers.Dense(units, activation, name="hidden"), **options)


def regular():
    """Convolution, normalization, dropout, a penalty."""
    layers = keras.layers
    return Case(
        layers.Conv2D(8, 3, name="conv", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dropout(0.5),
    )


def test_a_sound_network_passes_all(capsys):
    record = regular().check()
    assert list(record) == NAMES
    lines = [f"{name:<11} {line}" for name, line in record.items()]
    assert capsys.readouterr().out.splitlines() == lines
    assert f"90 of {SIDE} × {SIDE} × 3, uint8," in record["inputs"]
    assert "std 1.00, 1.00, 1.00" in record["inputs"]
    assert record["labels"].startswith("3 classes, train 30 per class, validation 10 per class")
    assert "float32, without XLA, inputs in main memory" in record["device"]
    assert re.match(r"about [\d.]+ [MG]B with batches of 20; ", record["memory"])


def test_times_are_those_of_steps_and_of_measuring():
    """90 images in 4 batches of 20 at 0.3 s each; 60 measured, which takes a third of that."""
    estimate = preflight._estimate(0.3, 9.0, plain().batches(), 60, 3)
    per_epoch = 80 * 0.3 + 60 * 0.1 + preflight.EPOCH_START
    assert estimate.seconds_per_epoch == pytest.approx(per_epoch, rel=0.01)
    assert estimate.images_per_second == pytest.approx(1 / 0.3, rel=0.01)


def test_compiling_counts_once_and_not_as_a_step():
    """The check compiles a training step; a forward pass, a third of one, is compiled as well."""
    slow, fast = (preflight._estimate(0.3, each, plain().batches(), 60, 3) for each in (9.0, 0.0))
    assert slow.seconds_per_epoch == pytest.approx(fast.seconds_per_epoch, rel=0.01)
    assert slow.images_per_second == pytest.approx(fast.images_per_second, rel=0.01)
    assert slow.compile_seconds == 12
    assert slow.seconds == 3 * slow.seconds_per_epoch + 12
    assert fast.seconds == 3 * fast.seconds_per_epoch


def test_the_first_step_is_that_which_compiles(monkeypatch):
    """Steps of 5, 1, 2 and 3 s by a clock that is read before and after each."""
    clock = iter(np.cumsum([0, 5, 0, 1, 0, 2, 0, 3]))
    monkeypatch.setattr(overfit_one_batch, "STEPS", 4)
    monkeypatch.setattr(overfit_one_batch.time, "perf_counter", lambda: float(next(clock, 0)))
    case = regular()
    found = overfit_one_batch.overfit_one_batch(
        case.network, case.inputs["train"], case.labels["train"], 20, False
    )
    assert (found.steps, found.seconds_per_step, found.compile_seconds) == (4, 2, 3)


def test_inputs_on_the_device_are_reported_by_what_batches_give():
    record = regular().check(rows_only=True)
    assert record["device"].endswith("inputs in device memory")


def test_nothing_changes():
    case = regular()
    case.model.optimizer.build(case.model.trainable_variables)

    def state():
        variables = case.model.variables + case.model.optimizer.variables
        return [np.array(variable) for variable in variables]

    variables, drawn = state(), random.getstate()
    case.check()
    assert random.getstate() == drawn
    for now, before in zip(state(), variables, strict=True):
        np.testing.assert_array_equal(now, before)


def test_training_is_the_same_with_and_without_it():
    def trained(check):
        keras.utils.set_random_seed(0)
        case = regular()
        if check:
            case.check()
        case.model.fit(case.batches(), shuffle=False, verbose=0)
        return case.network.get_weights()

    for with_it, without in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(with_it, without)


def test_two_classes_and_one_output():
    report = plain(n_classes=2).check()
    assert "ln(2) = 0.69" in report["first loss"]
    assert float(report["one batch"].split(" to ")[1].split()[0]) < 0.69


def fails(case, *parts):
    with pytest.raises(StudyError) as raised:
        case.check()
    message = str(raised.value)
    assert message.startswith("tiny: ")
    for part in ("expected", *parts):
        assert part in message


def test_images_that_are_all_the_same():
    case = plain()
    case.inputs["train"][:] = 7
    fails(case, "found 90 identical training images")


def test_a_standardization_of_other_images():
    case = plain()
    case.inputs["train"] = case.inputs["train"] // 100
    fails(case, "after standardization", "It was fitted on other inputs")


def test_features_that_are_not_finite():
    case = plain()
    case.inputs["train"] = np.zeros((90, 5), np.float32)
    case.inputs["train"][80, 3] = np.nan
    with pytest.raises(StudyError, match="found nan in row 80, column 3"):
        case.check()


def test_a_class_without_training_image():
    case = plain()
    case.labels["train"][case.labels["train"] == 1] = 0
    fails(case, "no training images of class 1 (counted from 0)")


def test_nothing_that_is_trained():
    case = plain()
    case.network.trainable = False
    fails(case, "no trainable weights")


def test_a_batch_that_does_not_fit(monkeypatch):
    case = plain()
    total = preflight.needed_memory(case.model, case.spec).bytes(20)  # beyond what it holds
    monkeypatch.setattr(preflight, "available_memory", lambda: total)
    case.check()
    monkeypatch.setattr(preflight, "available_memory", lambda: total - 1)
    monkeypatch.setattr(preflight, "overfit_one_batch", None)  # nothing is computed before
    fails(case, "batches of 20 images", "Try batch_size: 16")
    monkeypatch.setattr(preflight, "available_memory", lambda: 100)
    fails(case, "Not even one image fits")


def test_weights_that_are_not_finite():
    case = plain()
    hidden = case.network.layers[-1].get_layer("hidden")
    hidden.kernel.assign(np.full(hidden.kernel.shape, np.nan))
    fails(case, "the loss before any step is nan")


def test_outputs_that_are_saturated():
    case = plain(n_classes=10)
    for name in ("hidden", "output"):
        kernel = case.network.layers[-1].get_layer(name).kernel
        kernel.assign(1e6 * np.array(kernel))
    fails(case, "The outputs are saturated")


def test_activations_that_are_0_for_every_image():
    case = plain()
    case.network.layers[-1].get_layer("hidden").bias.assign(np.full(16, -1e4))
    fails(case, "none of its 2 trainable kernels changed in 20 steps", "frozen")


def test_a_network_that_does_not_see_its_images():
    layers = keras.layers
    dead = Case(
        layers.Flatten(),
        layers.Dense(8, "relu", bias_initializer=keras.initializers.Constant(-1e4)),
        layers.Dense(8, "relu", bias_initializer="ones"),
    )
    fails(dead, "cannot be learned", "expected a decrease by at least a tenth")


def test_deep_sigmoids_begin_slowly_and_pass():
    layers = [keras.layers.Dense(16, "sigmoid") for _ in range(6)]
    report = Case(keras.layers.Flatten(), *layers, activation="sigmoid").check()
    assert "a slow start; gradients reach 7 of 7 kernels" in report["one batch"]


def result_with(**facts):
    values = {
        "first_loss": 2.4,
        "losses": (2.4, 1.0),
        "images": 32,
        "kernels": 4,
        "moved": 4,
        "finite": True,
        "batch_size": 32,
        "seconds_per_step": 0.1,
        "compile_seconds": 1.0,
    }
    return overfit_one_batch.OneBatchResult(**values | facts)


def test_a_saturated_start_passes_where_a_few_steps_cure_it():
    healed = result_with(first_loss=14.1, losses=(29.0, 2.2))
    assert "saturated at first" in learning_checks.first_loss(healed, 10, "tiny")
    with pytest.raises(StudyError, match="saturated"):
        learning_checks.first_loss(result_with(first_loss=14.1, losses=(29.0, 9.0)), 10, "tiny")


def test_a_trained_network_need_not_fall_on():
    case = plain()
    low = result_with(losses=(0.1, 0.4))
    assert "slow start" in learning_checks.learns_one_batch(low, case.network, case.spec, 3)
    high = result_with(losses=(1.1,) * 21)
    with pytest.raises(StudyError, match="cannot be learned"):
        learning_checks.learns_one_batch(high, case.network, case.spec, 3)


def test_the_first_loss_is_that_of_the_network():
    case = plain()
    rows = overfit_one_batch.spread_rows(90, 128)
    probabilities = case.network.predict(case.inputs["train"], verbose=0)
    expected = -np.log(probabilities[rows, case.labels["train"][rows]]).mean()
    done = overfit_one_batch.overfit_one_batch(
        case.network, case.inputs["train"], case.labels["train"], 20, False
    )
    assert done.first_loss == pytest.approx(expected, rel=1e-4)
    assert done.images == done.batch_size == 20
    assert (done.kernels, done.moved) == (2, 2)


def test_a_copy_computes_the_same_without_dropout_and_penalties():
    case = regular()
    branches = keras.Input((SIDE, SIDE, 3))
    left = keras.layers.Conv2D(4, 1, trainable=False, name="z")(branches)
    right = keras.layers.Conv2D(4, 3, padding="same", name="a")(branches)
    joined = keras.layers.Add()([left, right])
    case.network = keras.Model(branches, case.network(keras.layers.Conv2D(3, 1)(joined)))
    copy = overfit_one_batch.bare_copy(case.network)
    images = case.inputs["train"][:9].astype("float32")
    np.testing.assert_array_equal(copy(images), case.network(images))
    assert not copy.losses
    assert case.network.losses
    names = [weight.path for weight in case.network.trainable_weights]
    assert [weight.path for weight in copy.trainable_weights] == names
    # In training mode only normalization differs from inference, in which dropout is off.
    dropouts = [layer for layer in preflight.leaf_layers(copy) if "dropout" in layer.name]
    assert [layer.rate for layer in dropouts] == [0.0]


@pytest.mark.parametrize("accelerator", [False, True])
@pytest.mark.parametrize("adds", [1, 10**6, 4 * 10**7, 10**9, 10**12])
def test_the_check_is_affordable(adds, accelerator, monkeypatch):
    monkeypatch.setattr(overfit_one_batch.device, "has_accelerator", lambda: accelerator)
    size, steps = overfit_one_batch.affordable(adds, 128)
    assert overfit_one_batch.FEWEST_STEPS <= steps <= overfit_one_batch.STEPS
    assert overfit_one_batch.SMALLEST_BATCH <= size <= 128
    smallest = (overfit_one_batch.SMALLEST_BATCH, overfit_one_batch.FEWEST_STEPS)
    assert (
        size * steps * adds <= overfit_one_batch.MULTIPLY_ADDS[accelerator]
        or (size, steps) == smallest
    )
    assert overfit_one_batch.affordable(adds, 5)[0] == 5


def test_chance_and_the_range_of_counts():
    case = plain()
    labels = {"train": np.array([0, 0, 0, 1, 2, 2]), "validation": np.array([0, 1])}
    line = preflight.check_classes(labels, 3, case.spec.method)
    assert line == (
        "3 classes, train 1 to 3 per class, validation 0 to 1 per class; chance 50.0%, "
        f"ln(3) = {math.log(3):.2f}"
    )


def test_resizing_is_not_computed_for_the_statistics():
    first = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(4096, 4096)(first))
    network = keras.Model(first, keras.layers.GlobalAveragePooling2D()(x))
    images = plain().inputs["train"]
    values, standardized = preprocessed(network, images)
    np.testing.assert_allclose(values, images / 255, rtol=1e-5)
    assert not standardized


def test_features_of_several_layers_are_checked_like_any_others(rng):
    """They are joined as their rows are read, and are no array."""
    parts = [rng.standard_normal((30, width)).astype(np.float32) for width in (4, 3)]
    head = keras.Sequential([keras.Input((7,)), keras.layers.Dense(3, "softmax")])
    assert check_inputs(head, JoinedRows(parts, np.float32), "m").startswith("30 of 7, float32")
    parts[1][20, 2] = np.nan
    with pytest.raises(StudyError, match="found nan in row 20, column 6"):
        check_inputs(head, JoinedRows(parts, np.float32), "m")
