"""Whether bfloat16 is worth it on a CPU, decided by made-up processors and times."""

import json
import random

import keras
import pytest

from pipeline import bfloat16, device

NEW = "processor\t: 0\nflags\t\t: fpu sse2 avx512f amx_bf16 amx_tile\nflags\t: other\n"
OLD = "processor\t: 0\nflags\t\t: fpu sse2 avx2\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose processor and speed are given; returns what was measured."""
    measured = []

    def pretend(speed=3.0, cpuinfo=NEW, name="Some CPU (2 cores)"):
        path = tmp_path / "cpuinfo"
        path.write_text(cpuinfo)
        flags = real_flags(path)
        monkeypatch.setattr(bfloat16, "cpu_flags", lambda: flags)
        monkeypatch.setattr(bfloat16, "cpu_name", lambda: name)
        monkeypatch.setattr(bfloat16, "_steps", dict)
        monkeypatch.setattr(
            bfloat16, "measured_speed", lambda steps: measured.append(speed) or speed
        )
        monkeypatch.setattr(device, "has_accelerator", lambda: False)
        bfloat16.cpu_speed.cache_clear()
        return measured

    real_flags = bfloat16.cpu_flags
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield pretend
    bfloat16.cpu_speed.cache_clear()


@pytest.mark.parametrize(
    ("speed", "cpuinfo", "precision"),
    [
        (3.0, NEW, "bfloat16"),
        (1.5, ARM, "bfloat16"),
        (1.49, NEW, "float32"),
        (3.0, OLD, "float32"),
        (3.0, "", "float32"),
    ],
)
def test_auto_is_bfloat16_where_it_is_fast_enough(machine, speed, cpuinfo, precision):
    measured = machine(speed, cpuinfo)
    assert device.compute_precision("auto") == precision
    assert len(measured) == (0 if cpuinfo in (OLD, "") else 1)


def test_a_named_precision_and_a_gpu_measure_nothing(machine, monkeypatch):
    measured = machine()
    assert device.compute_precision("float32") == "float32"
    assert device.precision_record("bfloat16") == {}
    monkeypatch.setattr(device, "has_accelerator", lambda: True)
    assert device.compute_precision("auto") == "bfloat16"
    assert device.precision_record("auto") == {}
    assert measured == []


def test_the_first_verdict_holds_on_this_machine(machine):
    """Also for later processes that would measure something else; not for another processor."""
    machine(1.6)
    assert device.precision_record("auto") == {"bfloat16_speed": 1.6}
    measured = machine(1.4)
    assert device.compute_precision("auto") == "bfloat16"
    assert len(measured) == 1
    machine(1.4, name="Other CPU")
    assert device.compute_precision("auto") == "float32"
    machine(9.0)
    assert bfloat16.cpu_speed() == 1.6
    assert len(json.loads(bfloat16.verdict_file().read_text())) == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": "fast"}'])
def test_a_damaged_file_is_replaced(machine, content):
    machine(2.0)
    bfloat16.verdict_file().parent.mkdir()
    bfloat16.verdict_file().write_text(content)
    assert bfloat16.cpu_speed() == 2.0
    machine(1.0)
    assert bfloat16.cpu_speed() == 2.0


def test_a_verdict_that_cannot_be_kept_is_not_used(machine, tmp_path):
    machine()
    (tmp_path / "classical-versus-deep").write_text("a file where the folder should be")
    assert bfloat16.cpu_speed() is None
    assert device.compute_precision("auto") == "float32"


def test_the_speed_is_a_ratio_of_medians_of_alternating_steps():
    now, calls = [0.0], []

    def step(name, times):
        def run():
            calls.append(name)
            now[0] += next(times)

        return run

    # The first times are those of compiling; single slow steps do not matter.
    steps = {
        "float32": step("float32", iter([50, 6, 6, 6, 99, 6, 6, 6, 6, 6])),
        "bfloat16": step("bfloat16", iter([9, 2, 2, 2, 2, 2, 80, 2, 2, 2])),
    }
    assert bfloat16.measured_speed(steps, lambda: now[0]) == 3
    assert calls == ["float32", "bfloat16"] * 10


def test_the_steps_run_and_draw_no_random_numbers():
    keras.utils.set_random_seed(5)
    expected = random.random()
    keras.utils.set_random_seed(5)
    for step in bfloat16._steps().values():
        assert step() is not None
    assert random.random() == expected
