"""The device that Keras computes on, by name. The one file that looks behind `keras.*`."""

from __future__ import annotations

import importlib

import keras

from pipeline import machine


def device_name() -> str:
    """Return ``GPU: NVIDIA H100 80GB HBM3``, or the processor where there is no accelerator."""
    look = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}.get(keras.backend.backend())
    found = look() if look else None
    return f"GPU: {found}" if found else machine.cpu_name()


def _tensorflow() -> str | None:
    config = importlib.import_module("tensorflow").config
    for gpu in config.list_physical_devices("GPU"):
        details = config.experimental.get_device_details(gpu)
        return str(details.get("device_name", gpu.name))
    return None


def _jax() -> str | None:
    device = importlib.import_module("jax").devices()[0]
    return None if device.platform == "cpu" else str(device.device_kind)


def _torch() -> str | None:
    cuda = importlib.import_module("torch").cuda
    return str(cuda.get_device_name()) if cuda.is_available() else None
