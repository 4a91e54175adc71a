import keras
import numpy as np
import pytest

from pipeline.deep import memory
from pipeline.deep.memory import SLOTS, Need, needed_memory
from pipeline.deep.optimizers import build_optimizer
from pipeline.deep.spec import DeepSpec


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
    spec = DeepSpec(method="any", optimizer="adam", ema=0.9)
    need = needed_memory(dense_net(), spec)
    assert need.fixed == 4 * (50 * 40 + 40) * 5  # weights, gradients, two slots, average
    assert need.per_image == int(memory.KEPT * 4 * 40)
    assert need.bytes(10) == need.fixed + 10 * need.per_image


def test_largest_batch_fits_and_the_next_does_not():
    need = Need(fixed=1000, per_image=30)
    batch = need.largest_batch(20_000)
    assert batch == 512
    assert need.bytes(batch) <= 20_000 < need.bytes(2 * batch)
    assert need.largest_batch(1000 + 30) == 1
    assert need.largest_batch(1010) == need.largest_batch(500) == 0


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(str(text))


def test_the_tightest_control_group_counts(tmp_path):
    statistics = "anon 5\ninactive_file 300\n"
    write(tmp_path / "job", memory__max=8000, memory__current=1000, memory__stat=statistics)
    write(tmp_path / "job/step", memory__max="max", memory__current=1, memory__stat=statistics)
    assert memory._group_memory(tmp_path, "/job/step") == 8000 - 1000 + 300
    write(tmp_path, memory__max=5000, memory__current=2000, memory__stat="")
    assert memory._group_memory(tmp_path, "/job/step") == 3000


def test_control_groups_of_version_1(tmp_path):
    names = {"memory__usage_in_bytes": 100, "memory__stat": "total_inactive_file 7\n"}
    write(tmp_path / "memory", memory__limit_in_bytes=2**62, **names)
    assert memory._group_memory(tmp_path, "/") is None
    write(tmp_path / "memory", memory__limit_in_bytes=900, **names)
    assert memory._group_memory(tmp_path, "/") == 807


def test_no_control_group(tmp_path):
    assert memory._group_memory(tmp_path, "/a/b") is None


def test_available_memory_is_the_least_that_is_known(monkeypatch):
    monkeypatch.setattr(memory, "_system_memory", lambda: 900)
    monkeypatch.setattr(memory, "_group_memory", lambda: 500)
    monkeypatch.setattr(memory.device, "has_accelerator", lambda: False)
    assert memory.available_memory() == 500
    monkeypatch.setattr(memory, "_group_memory", lambda: None)
    assert memory.available_memory() == 900
    monkeypatch.setattr(memory, "_system_memory", lambda: None)
    assert memory.available_memory() is None
    monkeypatch.setattr(memory.device, "has_accelerator", lambda: True)
    monkeypatch.setattr(memory.device, "accelerator_memory", lambda: 77)
    assert memory.available_memory() == 77
