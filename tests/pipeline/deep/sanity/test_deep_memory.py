import keras
import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.deep.sanity import memory
from pipeline.deep.sanity.memory import LAYER, ONE_BATCH, SLOTS, UPDATE, Need, needed_memory
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.optimizers import build_optimizer


def dense_net():
    return keras.Sequential([keras.Input((50,)), keras.layers.Dense(40)])


@pytest.mark.parametrize("optimizer", SLOTS)
def test_slots_are_what_the_optimizers_keep(optimizer):
    model = dense_net()
    built = build_optimizer(DeepSpec(method="any", optimizer=optimizer), 10)
    built.build(model.trainable_variables)
    numbers = sum(np.prod(variable.shape) for variable in built.variables)
    assert round(numbers / model.count_params()) == SLOTS[optimizer]


def test_what_is_needed_by_hand():
    """Dense: its input is kept; on top, its input and output as the largest layer's."""
    weights = 4 * (50 * 40 + 40)
    plain = needed_memory(dense_net(), DeepSpec(method="any", optimizer="sgd"))
    assert plain.fixed == int((ONE_BATCH + UPDATE + 1 + 2) * weights) + LAYER
    averaged = needed_memory(dense_net(), DeepSpec(method="any", optimizer="adam", ema=0.9))
    assert averaged.fixed == plain.fixed + 3 * weights  # two slots and an average are stored too
    assert plain.per_image == 4 * (50 + 50 + 40)
    assert plain.bytes(10) == plain.fixed + 10 * plain.per_image


@pytest.mark.tried(
    "Memory",
    "a dense network on 2,048 x 2,048 pixels, whose weights alone are more than there is",
    "refused with the bytes, before any weight has its memory",
)
def test_weights_that_cannot_fit_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10**8)
    made = []
    initial = lambda shape, dtype: made.append(shape) or keras.ops.zeros(shape, dtype)  # noqa: E731
    with memory.weights_that_fit(DeepSpec(method="mlp")):
        keras.layers.Dense(4, kernel_initializer=initial).build((None, 10))
        with pytest.raises(StudyError, match=r"the weights up to layer 'big' \(25.8 GB\)"):
            keras.layers.Dense(512, kernel_initializer=initial, name="big").build(
                (None, 2048 * 2048 * 3)
            )
    assert made == [(10, 4)]
    big = keras.layers.Dense(2000, use_bias=False)
    big.build((None, 1000))  # as if nothing had happened
    assert big.kernel.shape == (1000, 2000)


def test_largest_batch_fits_and_the_next_does_not():
    need = Need(fixed=1000, per_image=30)
    batch = need.largest_batch(20_000)
    assert batch == 512
    assert need.bytes(batch) <= 20_000 < need.bytes(2 * batch)
    assert need.largest_batch(1000 + 30) == 1
    assert need.largest_batch(1010) == need.largest_batch(500) == 0


def test_an_accelerator_has_a_memory_of_its_own(monkeypatch):
    monkeypatch.setattr(memory.host_memory, "available", lambda: 500)
    monkeypatch.setattr(memory.device, "has_accelerator", lambda: False)
    assert memory.available_memory() == 500
    monkeypatch.setattr(memory.device, "has_accelerator", lambda: True)
    monkeypatch.setattr(memory.device, "accelerator_memory", lambda: 77)
    assert memory.available_memory() == 77
