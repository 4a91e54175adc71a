"""The device that Keras computes on.

Only this file and `pipeline.deep.training_model` use a backend directly.
"""

from __future__ import annotations

import ctypes
import importlib
import os
from typing import Literal, cast

import keras
from threadpoolctl import threadpool_limits

from pipeline import bfloat16, machine
from pipeline.checks import StudyError

ComputePrecision = Literal["float32", "bfloat16", "float16"]
"""The precision that layers compute in; weights are always float32."""


def device_name() -> str:
    """Return a name such as ``GPU: NVIDIA H100 80GB HBM3``; without an accelerator, the CPU's."""
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


def compute_policy(precision: str) -> str:
    """Return the name of Keras's dtype policy, such as ``float32`` or ``mixed_bfloat16``.

    Args:
        precision: as for `compute_precision`.
    """
    precision = compute_precision(precision)
    return "float32" if precision == "float32" else f"mixed_{precision}"


def compute_precision(precision: str) -> ComputePrecision:
    """Return the precision that layers compute in on this machine.

    Args:
        precision: one of `options.Precision`; auto means bfloat16 on an accelerator and on a CPU
            that is faster in it, else float32.
    """
    if precision != "auto":
        return cast("ComputePrecision", precision)
    faster = has_accelerator() or bfloat16.is_faster(bfloat16.cpu_speed())
    return "bfloat16" if faster else "float32"


def precision_record(precision: str) -> dict[str, float]:
    """Return what auto was decided by, for a card: ``bfloat16_speed``, if it was measured."""
    if precision != "auto" or has_accelerator():
        return {}
    speed = bfloat16.cpu_speed()
    return {} if speed is None else {"bfloat16_speed": speed}


def compiles_with_xla(xla: bool | str) -> bool:
    """Return whether to compile with XLA; on a CPU, TensorFlow is twice as fast without it.

    JAX has no other compiler and would run operation by operation without it.
    """
    if xla == "auto":
        return has_accelerator() or keras.backend.backend() == "jax"
    return bool(xla)


def steps_per_call(steps: int | str, in_epoch: int) -> int:
    """Return the number of optimizer steps per compiled call, at most one epoch's."""
    if steps == "auto":
        steps = 16 if has_accelerator() else 1
    return max(1, min(int(steps), in_epoch))


def keeps_data(on_device: bool | str, n_bytes: int) -> bool:
    """Return whether the training images are kept in the accelerator's memory.

    Args:
        on_device: `options.MachineOptions.data_on_device`.
        n_bytes: size of the images as uint8; on the device they take twice as much.
    """
    if on_device == "auto":
        memory = accelerator_memory()
        return memory is not None and 8 * n_bytes <= memory
    return bool(on_device)


def has_accelerator() -> bool:
    """Return whether Keras computes on anything but the CPU."""
    return device_name().startswith("GPU: ")


def accelerator_memory() -> int | None:
    """Return the accelerator's memory in bytes; None without one, or where it is unknown."""
    if not has_accelerator():
        return None
    if keras.backend.backend() == "jax":
        # JAX's limit, which is three quarters of the card's memory by default.
        statistics = importlib.import_module("jax").devices()[0].memory_stats() or {}
        return statistics.get("bytes_limit")
    if keras.backend.backend() == "torch":
        return int(importlib.import_module("torch").cuda.get_device_properties(0).total_memory)
    return _cuda_memory()


def use_threads(threads: int) -> None:
    """Use this number of threads per operation, however many cores there are.

    This affects the whole process; call it before anything is computed. In TensorFlow only this
    number determines how sums are split: LeNet-5 and airbench gave equal predictions on one core
    and on two.

    Raises:
        StudyError: if TensorFlow has already computed something with a different number.
    """
    threadpool_limits(threads)  # NumPy's linear algebra: airbench's whitening uses it
    backend = keras.backend.backend()
    if backend == "tensorflow":
        try:
            importlib.import_module("tensorflow").config.threading.set_intra_op_parallelism_threads(
                threads
            )
        except RuntimeError:
            raise StudyError(
                f"threads: found TensorFlow already running with a number other than {threads}; "
                "expected to set it before anything is computed. Train in a separate process: "
                "python -m stages.train_deep <run>"
            ) from None
    elif backend == "jax":
        os.environ["NPROC"] = str(threads)  # XLA takes this as the number of cores
    elif backend == "torch":
        importlib.import_module("torch").set_num_threads(threads)


def make_deterministic() -> None:
    """Use only operations whose results do not vary between runs on one machine.

    This affects the whole process; call it before anything is computed, because JAX and cuBLAS
    read their settings only once. On TensorFlow and PyTorch, an operation without a deterministic
    version then raises an error.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()
    elif backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
    elif backend == "torch":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        importlib.import_module("torch").use_deterministic_algorithms(True)


def _cuda_memory() -> int | None:
    """Ask the CUDA driver: TensorFlow reports the memory in use, but not the total."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        device, size = ctypes.c_int(), ctypes.c_size_t()
        failed = (
            driver.cuInit(0)
            or driver.cuDeviceGet(ctypes.byref(device), 0)
            or driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        )
    except (OSError, AttributeError):
        return None
    return None if failed else size.value
