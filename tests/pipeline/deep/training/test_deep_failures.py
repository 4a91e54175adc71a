import math

import keras
import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.failures import StopAtNaN, memory_errors, raise_diverged

BATCHES = 40
PHOTOGRAPH = (224, 196, 3)


def steps_until_stopped(learning_rate, *others):
    """Train a linear model; return the callback and the steps of the optimizer."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate), loss="mse", jit_compile=False)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4 * BATCHES, 3)), rng.normal(size=(4 * BATCHES, 1))
    watch = StopAtNaN()
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[watch, *others])
    return watch, int(model.optimizer.iterations)


class Waits(keras.callbacks.Callback):
    """A callback that makes Keras call all callbacks synchronously."""

    def __init__(self):
        super().__init__()
        self.finite = []

    def on_train_batch_end(self, batch, logs=None):
        self.finite.append(math.isfinite(logs["loss"]))


def test_stops_within_the_epoch_at_the_first_nan():
    waits = Waits()
    watch, steps = steps_until_stopped(1e18, waits)
    assert not math.isfinite(watch.loss)
    assert waits.finite == [True] * (steps - 1) + [False]
    assert steps < 10


def test_stops_from_another_thread():
    watch, steps = steps_until_stopped(1e18)
    assert not math.isfinite(watch.loss)
    assert steps <= BATCHES  # Keras runs ahead, but not into the next epoch


def test_a_finite_loss_continues():
    watch, steps = steps_until_stopped(0.01)
    assert (watch.loss, steps) == (None, 2 * BATCHES)


def test_divergence_suggests_remedies():
    spec = DeepSpec(method="lenet5", optimizer="momentum", learning_rate=0.3, precision="float16")
    with pytest.raises(StudyError) as raised:
        raise_diverged(spec, 7, 0.21, math.nan)
    message = str(raised.value)
    for part in (
        "lenet5: the loss is nan in epoch 7",
        "optimizer momentum at a learning rate of 0.21",
        "expected a finite number",
        "learning_rate 0.03,",
        "warmup: 2",
        "batch_norm: true",
        "adam at 0.001",
        "bfloat16",
    ):
        assert part in message


def test_divergence_does_not_suggest_current_options():
    spec = DeepSpec(method="lenet5", optimizer="adam", batch_norm=True, warmup=1)
    with pytest.raises(StudyError) as raised:
        raise_diverged(spec, 1, 1e-3, math.inf)
    assert str(raised.value).endswith("try learning_rate 0.0001")


def error(kind, message="", base=Exception):
    return type(kind, (base,), {})(message)


MEMORY = [
    MemoryError(),
    error("ResourceExhaustedError", "OOM when allocating tensor with shape[4096,64,224,224]"),
    error("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory allocating 12 bytes", RuntimeError),
    error("OutOfMemoryError", "CUDA out of memory.", RuntimeError),
    error("_ArrayMemoryError", "Unable to allocate 3 TiB", MemoryError),
]
OTHERS = [
    ValueError("out of memory, says a message"),
    error("XlaRuntimeError", "INVALID_ARGUMENT: shapes differ", RuntimeError),
    StudyError("RESOURCE_EXHAUSTED"),
    KeyError("x"),
]


@pytest.mark.parametrize("raised", MEMORY, ids=lambda each: type(each).__name__)
def test_out_of_memory_becomes_a_study_error(raised):
    spec = DeepSpec(method="resnet", batch_size=4096)
    with pytest.raises(StudyError) as caught, memory_errors(spec, PHOTOGRAPH):
        raise raised
    message = str(caught.value)
    assert "resnet: out of memory with batch_size: 4096" in message
    assert "images of 224×196 pixels" in message
    assert "Try batch_size: 2048" in message
    assert "data_on_device: false" in message


def test_image_size_is_named_if_it_is_an_option():
    class Resizing(DeepSpec):
        image_size: int = 96

    with pytest.raises(StudyError, match=r"image_size: 96.*a smaller image_size"):  # noqa: SIM117
        with memory_errors(Resizing(method="transfer", data_on_device=False), PHOTOGRAPH):
            raise MemoryError


@pytest.mark.parametrize("raised", OTHERS, ids=lambda each: type(each).__name__)
def test_other_errors_pass_unchanged(raised):
    spec = DeepSpec(method="resnet")
    with pytest.raises(type(raised)) as caught, memory_errors(spec, PHOTOGRAPH):
        raise raised
    assert caught.value is raised


def test_no_error():
    with memory_errors(DeepSpec(method="resnet"), PHOTOGRAPH):
        pass
