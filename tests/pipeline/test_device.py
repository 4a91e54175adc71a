"""Queries to the backends, on this machine and with fake backends and drivers."""

from __future__ import annotations

import ctypes
import importlib
import os
from types import SimpleNamespace

import pytest

from pipeline import device
from pipeline.checks import StudyError
from pipeline.deep.spec import DeepSpec


@pytest.fixture
def backend(monkeypatch):
    """Fake a backend and the modules that can be imported."""

    def pretend(name: str, **modules: object) -> None:
        monkeypatch.setattr(device.keras.backend, "backend", lambda: name)
        monkeypatch.setattr(importlib, "import_module", modules.__getitem__)

    return pretend


class Driver:
    """A fake CUDA driver with a card of `size` bytes."""

    def __init__(self, size: int, code: int = 0) -> None:
        self.size, self.code = size, code

    def cuInit(self, flags):
        return self.code

    def cuDeviceGet(self, handle, number):
        return 0

    def cuDeviceTotalMem_v2(self, size, handle):
        size._obj.value = self.size
        return 0


def tensorflow_with(gpus: list[str]) -> SimpleNamespace:
    details = SimpleNamespace(get_device_details=lambda gpu: {"device_name": gpu.name})
    found = [SimpleNamespace(name=name) for name in gpus]
    return SimpleNamespace(
        config=SimpleNamespace(list_physical_devices=lambda kind: found, experimental=details)
    )


def test_without_an_accelerator_its_memory_is_none(backend):
    backend("tensorflow", tensorflow=tensorflow_with([]))
    assert not device.has_accelerator()
    assert device.accelerator_memory() is None
    assert "GPU" not in device.device_name()


def test_memory_with_tensorflow_is_what_the_driver_reports(backend, monkeypatch):
    backend("tensorflow", tensorflow=tensorflow_with(["H100"]))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(80 * 2**30))
    assert device.has_accelerator()
    assert device.device_name() == "GPU: H100"
    assert device.accelerator_memory() == 80 * 2**30


@pytest.mark.parametrize("broken", ["missing", "failing"])
def test_memory_is_unknown_if_the_driver_fails(backend, monkeypatch, broken):
    def library(name):
        if broken == "missing":
            raise OSError(name)
        return Driver(1, code=100)

    backend("tensorflow", tensorflow=tensorflow_with(["another vendor's"]))
    monkeypatch.setattr(ctypes, "CDLL", library)
    assert device.has_accelerator()
    assert device.accelerator_memory() is None


def test_memory_with_jax_and_torch_is_what_they_report(backend):
    gpu = SimpleNamespace(
        platform="gpu", device_kind="H100", memory_stats=lambda: {"bytes_limit": 60}
    )
    backend("jax", jax=SimpleNamespace(devices=lambda: [gpu]))
    assert device.accelerator_memory() == 60
    cuda = SimpleNamespace(
        is_available=lambda: True,
        get_device_name=lambda: "H100",
        get_device_properties=lambda number: SimpleNamespace(total_memory=80),
    )
    backend("torch", torch=SimpleNamespace(cuda=cuda))
    assert device.accelerator_memory() == 80


def test_each_backend_is_made_deterministic(backend, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_other=1")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    asked = []
    experimental = SimpleNamespace(enable_op_determinism=lambda: asked.append("tensorflow"))
    tensorflow = SimpleNamespace(config=SimpleNamespace(experimental=experimental))
    torch = SimpleNamespace(use_deterministic_algorithms=lambda on: asked.append(("torch", on)))
    for name in ("tensorflow", "jax", "torch"):
        backend(name, tensorflow=tensorflow, torch=torch)
        device.make_deterministic()
    assert asked == ["tensorflow", ("torch", True)]
    assert os.environ.pop("CUBLAS_WORKSPACE_CONFIG") == ":4096:8"
    assert os.environ["XLA_FLAGS"] == "--xla_other=1 --xla_gpu_deterministic_ops=true"


def test_each_backend_gets_the_number_of_threads(backend, monkeypatch):
    monkeypatch.setenv("NPROC", "9")
    asked = []
    threading = SimpleNamespace(
        set_intra_op_parallelism_threads=lambda n: asked.append(("tensorflow", n))
    )
    tensorflow = SimpleNamespace(config=SimpleNamespace(threading=threading))
    torch = SimpleNamespace(set_num_threads=lambda n: asked.append(("torch", n)))
    monkeypatch.setattr(device, "threadpool_limits", lambda n: asked.append(("BLAS", n)))
    for name in ("tensorflow", "jax", "torch"):
        backend(name, tensorflow=tensorflow, torch=torch)
        device.use_threads(3)
    assert [each for each in asked if each[0] != "BLAS"] == [("tensorflow", 3), ("torch", 3)]
    assert asked.count(("BLAS", 3)) == 3
    assert os.environ["NPROC"] == "3"


def test_threads_cannot_change_once_tensorflow_runs(backend, monkeypatch):
    def refuse(n):
        raise RuntimeError("Intra op parallelism cannot be modified after initialization.")

    threading = SimpleNamespace(set_intra_op_parallelism_threads=refuse)
    backend("tensorflow", tensorflow=SimpleNamespace(config=SimpleNamespace(threading=threading)))
    monkeypatch.setattr(device, "threadpool_limits", lambda n: None)
    with pytest.raises(StudyError, match="Train in a separate process"):
        device.use_threads(3)


@pytest.mark.parametrize(
    ("options", "threads"),
    [({}, None), ({"deterministic": True}, 2), ({"threads": 5}, 5),
     ({"deterministic": True, "threads": 5}, 5)],
)  # fmt: skip
def test_deterministic_training_has_a_fixed_number_of_threads(options, threads):
    assert DeepSpec(method="any", **options).fixed_threads == threads
