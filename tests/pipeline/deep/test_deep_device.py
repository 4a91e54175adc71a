"""What is asked behind Keras: on this machine, and of backends and drivers that are made up."""

from __future__ import annotations

import ctypes
import importlib
import os
from types import SimpleNamespace

import pytest

from pipeline.deep import device


@pytest.fixture
def backend(monkeypatch):
    """Name a backend, and the modules that are found when it is looked behind."""

    def pretend(name: str, **modules: object) -> None:
        monkeypatch.setattr(device.keras.backend, "backend", lambda: name)
        monkeypatch.setattr(importlib, "import_module", modules.__getitem__)

    return pretend


class Driver:
    """CUDA's, with a card of so many bytes."""

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


def test_without_an_accelerator_there_is_no_memory_of_one(backend):
    backend("tensorflow", tensorflow=tensorflow_with([]))
    assert not device.has_accelerator()
    assert device.accelerator_memory() is None
    assert "GPU" not in device.device_name()


def test_memory_with_tensorflow_is_what_the_driver_says(backend, monkeypatch):
    backend("tensorflow", tensorflow=tensorflow_with(["H100"]))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(80 * 2**30))
    assert device.has_accelerator()
    assert device.device_name() == "GPU: H100"
    assert device.accelerator_memory() == 80 * 2**30


@pytest.mark.parametrize("broken", ["missing", "failing"])
def test_memory_is_unknown_where_the_driver_does_not_say(backend, monkeypatch, broken):
    def library(name):
        if broken == "missing":
            raise OSError(name)
        return Driver(1, code=100)

    backend("tensorflow", tensorflow=tensorflow_with(["another maker's"]))
    monkeypatch.setattr(ctypes, "CDLL", library)
    assert device.has_accelerator()
    assert device.accelerator_memory() is None


def test_memory_with_jax_and_torch_is_what_they_say(backend):
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


def test_each_backend_is_made_deterministic_in_its_way(backend, monkeypatch):
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
