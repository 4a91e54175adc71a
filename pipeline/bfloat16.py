"""Whether this machine's CPU computes faster in bfloat16: what ``precision: auto`` asks.

Processors with instructions for bfloat16 (AVX512-BF16, AMX, or Arm's BF16) are several times as
fast in it as in float32, others far slower, and a virtual machine or a library can take the gain
away again. So the CPU's flags are looked at, and where they promise something, both precisions are
timed once. Results depend on the precision, and times on the moment: the first verdict is kept in
the user's cache folder and holds until the processor, the number of cores, the backend or a version
changes. Delete the file to measure again.
"""

from __future__ import annotations

import fcntl
import json
import statistics
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.machine import cpu_name, versions
from pipeline.user_cache import user_cache

LEAST_SPEED = 1.5
"""bfloat16 is used from this ratio of speeds on; rounding to 8 bits should be worth it."""
FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Names of the instructions in /proc/cpuinfo, on x86 and on Arm."""
PRECISIONS = ("float32", "bfloat16")
_REPEATS = 9


@cache
def cpu_speed() -> float | None:
    """Return how many times as fast as float32 bfloat16 is on the CPU; None if not measured.

    It is not measured without the instructions, and not used where the verdict cannot be kept,
    because the next process might decide otherwise.
    """
    if not FLAGS & cpu_flags():
        return None
    try:
        return _kept_or_measured(verdict_file())
    except OSError:
        return None


def is_faster(speed: float | None) -> bool:
    """Return whether bfloat16 is worth its rounding; not if its speed is unknown."""
    return speed is not None and speed >= LEAST_SPEED


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the features of the first processor; none where there is no such file."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    found = (line.partition(":") for line in lines)
    named = (words for name, _, words in found if name.strip() in ("flags", "Features"))
    return frozenset(next(named, "").split())


def verdict_file() -> Path:
    """Return the path of the verdicts: key -> ratio of speeds."""
    return user_cache() / "bfloat16.json"


def _kept_or_measured(path: Path) -> float:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = _key()
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # two processes must not decide differently
        stream.seek(0)
        verdicts = _parsed(stream.read())
        if key not in verdicts:
            print("comparing float32 with bfloat16 on this CPU, once", flush=True)
            verdicts[key] = round(measured_speed(_steps()), 3)
            stream.truncate(0)
            stream.write(json.dumps(verdicts, indent=2) + "\n")
        return verdicts[key]


def _key() -> str:
    backend = keras.backend.backend()
    return json.dumps([cpu_name(), backend, versions("keras", backend)], sort_keys=True)


def _parsed(text: str) -> dict[str, float]:
    """Return the verdicts of a file; none if it is empty or damaged."""
    try:
        content = json.loads(text)
        return {str(key): float(value) for key, value in content.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def measured_speed(
    steps: Mapping[str, Callable[[], Any]], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the ratio of the median times of two steps, which take turns.

    Args:
        steps: precision -> one step.
        clock: the time in seconds.
    """
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for turn in range(_REPEATS + 1):
        for precision in PRECISIONS:
            start = clock()
            steps[precision]()
            if turn:  # the first step compiles
                seconds[precision].append(clock() - start)
    float32, bfloat16 = (statistics.median(seconds[precision]) for precision in PRECISIONS)
    return float32 / max(bfloat16, 1e-9)


def _steps() -> dict[str, Callable[[], Any]]:
    """Return a training step of two convolutions in each precision, of some 2 billion operations.

    Constant weights keep it from drawing random numbers, which would change what is trained next.
    """
    images, labels = np.full((32, 16, 16, 64), 0.5, np.float32), np.zeros((32, 1), np.float32)
    steps: dict[str, Callable[[], Any]] = {}
    for precision in PRECISIONS:
        policy = "float32" if precision == "float32" else f"mixed_{precision}"
        weights = keras.initializers.Constant(1e-3)
        first, second = (
            keras.layers.Conv2D(64, 3, padding="same", kernel_initializer=weights, dtype=policy)
            for _ in range(2)
        )
        last = keras.layers.Dense(1, kernel_initializer=weights, dtype="float32")
        pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")
        network = keras.Sequential([keras.Input((16, 16, 64)), first, second, pooled, last])
        network.compile("sgd", "mse", jit_compile=keras.backend.backend() == "jax")
        steps[precision] = partial(network.train_on_batch, images, labels)
    return steps
