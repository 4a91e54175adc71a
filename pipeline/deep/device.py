"""The device that Keras computes on, by name. The one file that looks behind `keras.*`."""

from __future__ import annotations

import ctypes
import importlib
import os

import keras
from threadpoolctl import threadpool_limits

from pipeline import machine
from pipeline.checks import StudyError


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


def compute_policy(precision: str) -> str:
    """Return Keras's name of what layers compute in: ``float32``, ``mixed_bfloat16`` and so on.

    Args:
        precision: as `options.Precision`; auto is bfloat16 on an accelerator, else float32.
    """
    if precision == "auto":
        precision = "bfloat16" if has_accelerator() else "float32"
    return "float32" if precision == "float32" else f"mixed_{precision}"


def compiles_with_xla(xla: bool | str) -> bool:
    """Return whether to compile with XLA; on a processor TensorFlow is twice as fast without.

    JAX compiles with nothing else, and would compute operation by operation without it.
    """
    if xla == "auto":
        return has_accelerator() or keras.backend.backend() == "jax"
    return bool(xla)


def steps_per_call(steps: int | str, in_epoch: int) -> int:
    """Return the optimizer steps in one compiled call, at most those of an epoch."""
    if steps == "auto":
        steps = 16 if has_accelerator() else 1
    return max(1, min(int(steps), in_epoch))


def keeps_data(on_device: bool | str, n_bytes: int) -> bool:
    """Return whether the training images are kept in the accelerator's memory.

    Args:
        on_device: as `options.MachineOptions`.
        n_bytes: of the images as uint8, which take twice as many there.
    """
    if on_device == "auto":
        memory = accelerator_memory()
        return memory is not None and 8 * n_bytes <= memory
    return bool(on_device)


def has_accelerator() -> bool:
    """Whether Keras computes on something else than the processor."""
    return device_name().startswith("GPU: ")


def accelerator_memory() -> int | None:
    """Return the bytes of the accelerator's memory; None without one, and where none can tell."""
    if not has_accelerator():
        return None
    if keras.backend.backend() == "jax":
        # Of what it may take, which is three quarters of the card unless it is told otherwise.
        statistics = importlib.import_module("jax").devices()[0].memory_stats() or {}
        return statistics.get("bytes_limit")
    if keras.backend.backend() == "torch":
        return int(importlib.import_module("torch").cuda.get_device_properties(0).total_memory)
    return _cuda_memory()


def use_threads(threads: int) -> None:
    """Compute each operation with so many threads, whatever number of cores there is.

    For the whole process, and to be called before anything is computed. TensorFlow splits sums by
    this number alone: LeNet-5 and airbench gave equal predictions on one core and on two.

    Raises:
        StudyError: if TensorFlow has computed something already, with another number.
    """
    threadpool_limits(threads)  # of NumPy's linear algebra, which whitens for airbench
    backend = keras.backend.backend()
    if backend == "tensorflow":
        try:
            importlib.import_module("tensorflow").config.threading.set_intra_op_parallelism_threads(
                threads
            )
        except RuntimeError:
            raise StudyError(
                f"threads: found TensorFlow at work already, with another number than {threads}; "
                "expected to set it before anything is computed. Train in a process of its own: "
                "python -m stages.train_deep <run>"
            ) from None
    elif backend == "jax":
        os.environ["NPROC"] = str(threads)  # what XLA takes for the number of cores
    elif backend == "torch":
        importlib.import_module("torch").set_num_threads(threads)


def make_deterministic() -> None:
    """Use only operations whose result does not vary from run to run on one machine.

    For the whole process, and to be called before anything is computed: JAX and cuBLAS read their
    settings once. An operation that has no such form then raises, on TensorFlow and PyTorch.
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
    """Ask CUDA's driver: TensorFlow tells what it has taken, and not how much there is."""
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
