"""The parts of a base's features on the disk: found by what determines them, verified, written.

A part is ``<key>.npy`` with a record ``<key>.json``. The key is a SHA-256 of everything that
determines the part, so that whoever reads the same part of the same base shares it. A missing or
damaged file is computed again; nothing depends on what lies here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline import system_errors
from pipeline.machine import versions
from pipeline.storage.files import atomic, save_json

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class KeptPart:
    """One part of the features of a split."""

    values: NDArray
    """(n, d) float32 or float16, memory-mapped and read-only."""
    seconds: float
    """What computing this part alone takes, whoever did it."""


def part_keys(
    outputs: keras.Model, images: NDArray[np.uint8], mirrored: bool, pixels: str
) -> list[str]:
    """Return, for each output, a SHA-256 of everything that determines it and its cost.

    This covers the layers up to the output, with their options, connections and weights; the
    pixels; and the backend, its version, the compiler and the device, which affect rounding and
    time. It covers neither the run nor the other outputs.

    Args:
        outputs: one of `FrozenBase.outputs`.
        images: (n, height, width, 3) uint8.
        mirrored: whether they are flipped first.
        pixels: their digest.
    """
    import keras

    from pipeline.device import device_name

    backend = keras.backend.backend()
    environment = {
        "backend": backend,
        "versions": versions("keras", backend),
        "device": device_name(),
        "xla": outputs.jit_compile,
        "images": [*images.shape, pixels],
        "mirrored": mirrored,
    }
    keys = []
    for output in outputs.outputs:
        alone = keras.Model(outputs.inputs, output, name="part")
        facts = {**environment, "layers": alone.get_config()}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        for weight in alone.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        keys.append(digest.hexdigest())
    return keys


def load_part(folder: Path, key: str, n: int) -> KeptPart | None:
    """Return the part of `n` images, or None if it is missing or damaged."""
    try:
        record = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        values = np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
        whole = len(values) == n and array_digest(values) == record["sha256"]
        return KeptPart(values, float(record["seconds"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        if system_errors.is_shortage(error):
            raise  # the part may be intact
        return None


def is_kept(folder: Path, key: str) -> bool:
    """Return whether a part seems to be there; `load_part` verifies it."""
    return (folder / f"{key}.json").is_file() and (folder / f"{key}.npy").is_file()


@contextmanager
def writing(
    folder: Path, keys: Mapping[str, str], shapes: Mapping[str, tuple[tuple[int, ...], Any]]
) -> Iterator[Mapping[str, NDArray]]:
    """Yield an array on the disk for each part, to be filled; all are kept if the block succeeds.

    Args:
        folder: of the parts.
        keys: name -> key.
        shapes: name -> shape and dtype of the array.
    """
    with ExitStack() as stack:
        arrays = {}
        for name, key in keys.items():
            (folder / f"{key}.json").unlink(missing_ok=True)
            temporary = stack.enter_context(atomic(folder / f"{key}.npy"))
            shape, dtype = shapes[name]
            arrays[name] = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
            if hasattr(os, "posix_fallocate"):
                # Otherwise a full disk would end the process with SIGBUS when pages are written.
                with temporary.open("r+b") as stream:
                    os.posix_fallocate(stream.fileno(), 0, temporary.stat().st_size)
        yield arrays
        for array in arrays.values():
            array.flush()


def save_records(
    folder: Path, keys: Mapping[str, str], records: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write the record of each part, with ``sha256`` and ``seconds``, which makes it valid."""
    for name, key in keys.items():
        save_json(folder / f"{key}.json", dict(records[name]))


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Let one process at a time compute parts of the same kind; the lock ends with the process.

    Args:
        folder: of the parts.
        what: the base and the images. Others can be computed meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(what.encode()).hexdigest()[:16]
    with (folder / f"{name}.lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another process that computes these features", flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def array_digest(array: NDArray) -> str:
    """Return the SHA-256 of an array's bytes, reading blocks of rows."""
    digest = hashlib.sha256()
    for start in range(0, len(array), 1024):
        digest.update(np.ascontiguousarray(array[start : start + 1024]).data)
    return digest.hexdigest()
