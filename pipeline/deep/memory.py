"""How much memory a training takes, estimated from its layers, and how much there is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras

from pipeline.deep import device
from pipeline.deep.cost import activation_bytes, weight_bytes
from pipeline.deep.options import Optimizer
from pipeline.deep.spec import DeepSpec

SLOTS: dict[Optimizer, int] = {
    "sgd": 0,
    "momentum": 1,
    "nesterov": 1,
    "adagrad": 1,
    "rmsprop": 1,
    "adam": 2,
    "adamw": 2,
}
"""Numbers that an optimizer keeps beside each weight."""
KEPT = 1.2
"""Bytes at the height of a step by bytes of all layers' outputs: some are kept for the backward
pass, whose own values come on top. TensorFlow on a processor takes 0.7 (ResNet-20) to 1.2 (VGG16
with batch normalisation)."""
NO_LIMIT = 2**60
"""Control groups of version 1 write their missing limit as some such number."""


@dataclass(frozen=True)
class Need:
    """Bytes of a training, estimated."""

    fixed: int
    """Weights, gradients, what the optimizer keeps, and training images on the device."""
    per_image: int
    """Of the batch: outputs of layers, forwards and backwards."""

    def bytes(self, batch_size: int) -> int:
        """Return the bytes with batches of so many images."""
        return self.fixed + self.per_image * batch_size

    def largest_batch(self, available: int) -> int:
        """Return the largest power of two that fits into `available` bytes; 0 if none does."""
        images = (available - self.fixed) // max(1, self.per_image)
        return 1 << (images.bit_length() - 1) if images > 0 else 0


def needed_memory(model: keras.Model, spec: DeepSpec) -> Need:
    """Estimate what training takes, roughly: a backend's working space is not known.

    Args:
        model: what is trained, with its layers for training alone; training images that are kept
            on the device are among its weights.
        spec: the optimizer, and whether weights are averaged.
    """
    trainable, others = weight_bytes(model)
    copies = 2 + SLOTS[spec.optimizer] + (spec.ema is not None)
    return Need(trainable * copies + others, int(KEPT * activation_bytes(model)))


def available_memory() -> int | None:
    """Return the bytes that a training can take where Keras computes; None if nothing tells."""
    if device.has_accelerator():
        return device.accelerator_memory()
    limits = [free for free in (_system_memory(), _group_memory()) if free is not None]
    return min(limits, default=None)


def _system_memory() -> int | None:
    """Return what Linux says is available, or what a Mac has in all."""
    if sys.platform == "darwin":
        query = subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, text=True)
        return int(query.stdout) if query.stdout.strip().isdigit() else None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    fields = found.get("MemAvailable", "").split()
    return 1024 * int(fields[0]) if fields else None


def _group_memory(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> int | None:
    """Return what the control groups of a container or of a batch job leave free.

    Pages of files that were read long ago count as used there, and are given up when needed.

    Args:
        root: where control groups are mounted.
        own: this process's group below it; None asks Linux.
    """
    group = Path((_own_group() if own is None else own).strip("/"))
    folders = [root / each for each in (group, *group.parents)]
    free = [_left_free(folder, _VERSION_2) for folder in folders]
    free.append(_left_free(root / "memory", _VERSION_1))
    return min((each for each in free if each is not None), default=None)


_VERSION_1 = (
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.stat",
    "total_inactive_file",
)
_VERSION_2 = ("memory.max", "memory.current", "memory.stat", "inactive_file")


def _own_group() -> str:
    """Return the path of the process's group of version 2, which Linux writes as ``0::/path``."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line[3:] for line in lines if line.startswith("0::")), "")


def _left_free(folder: Path, names: tuple[str, str, str, str]) -> int | None:
    limit_file, used_file, statistics_file, given_up = names
    try:
        limit = (folder / limit_file).read_text(encoding="ascii").strip()
        used = int((folder / used_file).read_text(encoding="ascii"))
        lines = (folder / statistics_file).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    if not limit.isdigit() or int(limit) >= NO_LIMIT:
        return None
    statistics = dict(line.split() for line in lines if len(line.split()) == 2)
    return int(limit) - used + int(statistics.get(given_up, 0))
