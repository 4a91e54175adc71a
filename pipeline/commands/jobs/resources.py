"""What a machine can give to a stage: threads, memory, GPUs."""

from __future__ import annotations

import ctypes
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata

from pipeline import host_memory, machine

THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "NPROC",  # JAX
)
"""What libraries read when they are imported. The project's own pools take as many threads as BLAS
may use (`pipeline.machine.allowed_threads`)."""
_CUDA_PACKAGES = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
WITHOUT_GPU = {_VISIBLE: "-1", "JAX_PLATFORMS": "cpu"}
"""The environment of a process that computes nothing large: it would take a GPU from a stage."""


def threads_of(jobs: int, alone: bool) -> int:
    """Return the threads of one stage: its share of the cores, or all of them if it is alone."""
    cores = machine.core_count()
    return cores if alone else max(1, cores // jobs)


def thread_environment(threads: int) -> dict[str, str]:
    """Return the environment that limits a stage's libraries to this number of threads.

    It is empty for all cores, which is what libraries use anyway. What a person has set stays.
    """
    if threads >= machine.core_count():
        return {}
    return {name: os.environ.get(name, str(threads)) for name in THREAD_VARIABLES}


def memory() -> int:
    """Return the bytes that stages may share: those that are free now."""
    return host_memory.available() or host_memory.NO_LIMIT


@cache
def gpus() -> tuple[str, ...]:
    """Return the CUDA devices that TensorFlow can use, by the numbers or names CUDA knows."""
    if not any(map(_is_installed, _CUDA_PACKAGES)):
        return ()
    if _VISIBLE in os.environ:
        return tuple(each for each in os.environ[_VISIBLE].split(",") if each not in ("", "-1"))
    try:
        driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return ()
    return () if failed else tuple(map(str, range(count.value)))


@contextmanager
def gpu_environment(wanted: bool) -> Iterator[dict[str, str]]:
    """Give a stage a GPU of its own for the block, or hide all of them.

    TensorFlow takes all memory of each GPU that it sees, so two processes never share one.
    """
    if not gpus():
        yield {}
    elif not wanted:
        yield {_VISIBLE: "-1"}
    else:
        device = _free_gpus().get()
        try:
            yield {_VISIBLE: device}
        finally:
            _free_gpus().put(device)


@cache
def _free_gpus() -> queue.SimpleQueue[str]:
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for device in gpus():
        free.put(device)
    return free


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
