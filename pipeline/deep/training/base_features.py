"""Features of a frozen base: computed once per image and cached under a hash of their inputs."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline import system_errors
from pipeline.deep.device import device_name
from pipeline.inference import predicted_batches
from pipeline.progress import Tenths
from pipeline.storage.files import atomic, save_json


@dataclass(frozen=True)
class BaseFeatures:
    """The inputs of a network: a frozen base's features of images, or the images themselves."""

    values: NDArray
    """(n, d) float32 or float16, as in the base's output; memory-mapped and read-only if there is a
    cache. Without a base, the pixels."""
    seconds: float
    """Time of the computation, even if an earlier run did it; 0 for pixels."""


def base_features(
    base: keras.Model,
    images: NDArray[np.uint8],
    split: str,
    cache_folder: Path | None,
    mirrored: bool = False,
) -> BaseFeatures:
    """Compute the features of a split, or take them from the cache.

    With a cache, memory holds one batch at a time; without one, all features.

    Args:
        base: maps (n, height, width, 3) RGB pixels to (n, d), float32 or float16.
        images: (n, height, width, 3) uint8, RGB.
        split: name of the split, for the progress lines.
        cache_folder: folder of ``<key>.npy`` and ``<key>.json``; None disables the cache.
        mirrored: flip the images horizontally first.
    """
    what = f"frozen base, {split}{', mirrored' if mirrored else ''}"
    # The mirrored images are a view; only one batch at a time is copied.
    batches = _batches(base, images[:, :, ::-1] if mirrored else images, what)
    shape, dtype = (len(images), *base.output_shape[1:]), np.dtype(base.outputs[0].dtype)
    if cache_folder is None:
        start, values = time.perf_counter(), np.empty(shape, dtype)
        for rows, found in batches:
            values[rows] = found
        return BaseFeatures(values, time.perf_counter() - start)
    key = cache_key(base, images, mirrored)
    array_file, record_file = cache_folder / f"{key}.npy", cache_folder / f"{key}.json"
    kept = _kept(array_file, record_file, shape, dtype)
    if kept is not None:
        print(f"{what}: {len(images):,} images read from {cache_folder}", flush=True)
        return kept
    record_file.unlink(missing_ok=True)
    record = {"split": split, "mirrored": mirrored, **_store(array_file, batches, shape, dtype)}
    save_json(record_file, record)
    return BaseFeatures(np.load(array_file, mmap_mode="r"), record["seconds"])


def cache_key(base: keras.Model, images: NDArray[np.uint8], mirrored: bool = False) -> str:
    """Return a SHA-256 of everything that determines the features and their cost.

    This covers the base's layers, options, connections and weights; the pixels; and the backend,
    the Keras version and the device, which affect rounding and time. It does not cover the run, so
    runs with the same base share its features.
    """
    environment = {
        "base": base.get_config(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "device": device_name(),
        "images": list(images.shape),
        "mirrored": mirrored,
    }
    digest = hashlib.sha256(json.dumps(environment, sort_keys=True, default=str).encode())
    for weight in base.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    digest.update(_digest(images).encode())
    return digest.hexdigest()


def _batches(
    base: keras.Model, images: NDArray[np.uint8], what: str
) -> Iterator[tuple[slice, NDArray]]:
    """Yield rows and their features, and print progress."""
    done = Tenths(what, len(images))
    for rows, found in predicted_batches(base, images):
        yield rows, found
        done(rows.stop)


def _store(
    array_file: Path,
    batches: Iterator[tuple[slice, NDArray]],
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> dict[str, Any]:
    """Write features as they are computed; return their checksum and time in seconds."""
    start, digest = time.perf_counter(), hashlib.sha256()
    with atomic(array_file) as temporary:
        stored = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
        if hasattr(os, "posix_fallocate"):
            # Otherwise a full disk would end the process with SIGBUS when pages are written.
            with temporary.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, temporary.stat().st_size)
        for rows, found in batches:
            stored[rows] = found
            digest.update(stored[rows].data)
        stored.flush()
    return {"sha256": digest.hexdigest(), "seconds": time.perf_counter() - start}


def _kept(
    array_file: Path, record_file: Path, shape: tuple[int, ...], dtype: np.dtype
) -> BaseFeatures | None:
    """Return the cached features, or None if they are missing or damaged."""
    try:
        record = json.loads(record_file.read_text(encoding="utf-8"))
        values = np.load(array_file, mmap_mode="r", allow_pickle=False)
        whole = (
            values.dtype == dtype and values.shape == shape and _digest(values) == record["sha256"]
        )
        return BaseFeatures(values, float(record["seconds"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        if system_errors.is_shortage(error):
            raise  # the cache may be intact
        return None


def _digest(array: NDArray) -> str:
    """Return the SHA-256 of an array's bytes, reading blocks of rows."""
    digest = hashlib.sha256()
    for start in range(0, len(array), 1024):
        digest.update(np.ascontiguousarray(array[start : start + 1024]).data)
    return digest.hexdigest()
