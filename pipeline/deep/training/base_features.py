"""Features of a frozen base: computed once an image, and kept under all that determines them."""

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
    """What a network is trained on: what a frozen base says of images, or the images themselves."""

    values: NDArray
    """(n, d) float32 or float16, as the base gives them, memory-mapped and read-only where there is
    a cache; without a base, the pixels."""
    seconds: float
    """Of the computation, also if it was done in an earlier run; 0 for pixels."""


def base_features(
    base: keras.Model,
    images: NDArray[np.uint8],
    split: str,
    cache_folder: Path | None,
    mirrored: bool = False,
) -> BaseFeatures:
    """Compute the features of a split, or take them from the cache.

    Memory holds one batch at a time where there is a cache, and all features where there is none.

    Args:
        base: from (n, height, width, 3) RGB pixels to (n, d), float32 or float16.
        images: (n, height, width, 3) uint8, RGB.
        split: the split's name, for the progress lines.
        cache_folder: where ``<key>.npy`` and ``<key>.json`` are kept; None keeps nothing.
        mirrored: of the images mirrored left to right, instead of the images as they are.
    """
    what = f"frozen base, {split}{', mirrored' if mirrored else ''}"
    # The mirrored images are a view: nothing is copied but one batch at a time.
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
        print(f"{what}: {len(images):,} images taken from {cache_folder}", flush=True)
        return kept
    record_file.unlink(missing_ok=True)
    record = {"split": split, "mirrored": mirrored, **_store(array_file, batches, shape, dtype)}
    save_json(record_file, record)
    return BaseFeatures(np.load(array_file, mmap_mode="r"), record["seconds"])


def cache_key(base: keras.Model, images: NDArray[np.uint8], mirrored: bool = False) -> str:
    """Return the SHA-256 of all that determines the features and their cost.

    That is: the base's layers, their options, connections and weights; the pixels; the backend, the
    version of Keras and the device, on which rounding and seconds depend. Not the run: two runs on
    the same base share its features.
    """
    surroundings = {
        "base": base.get_config(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "device": device_name(),
        "images": list(images.shape),
        "mirrored": mirrored,
    }
    digest = hashlib.sha256(json.dumps(surroundings, sort_keys=True, default=str).encode())
    for weight in base.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    digest.update(_digest(images).encode())
    return digest.hexdigest()


def _batches(
    base: keras.Model, images: NDArray[np.uint8], what: str
) -> Iterator[tuple[slice, NDArray]]:
    """Yield rows and their features, with lines of progress."""
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
    """Write features as they are computed; return their checksum and what they took."""
    start, digest = time.perf_counter(), hashlib.sha256()
    with atomic(array_file) as temporary:
        stored = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
        if hasattr(os, "posix_fallocate"):
            # Else a disk that is full as pages are written ends the process with SIGBUS.
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
    """Return what the cache holds if it is whole; what is broken is computed anew."""
    try:
        record = json.loads(record_file.read_text(encoding="utf-8"))
        values = np.load(array_file, mmap_mode="r", allow_pickle=False)
        whole = (
            values.dtype == dtype and values.shape == shape and _digest(values) == record["sha256"]
        )
        return BaseFeatures(values, float(record["seconds"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        if system_errors.is_shortage(error):
            raise  # it may be whole
        return None


def _digest(array: NDArray) -> str:
    """Return the SHA-256 of an array's bytes, read in blocks of rows."""
    digest = hashlib.sha256()
    for start in range(0, len(array), 1024):
        digest.update(np.ascontiguousarray(array[start : start + 1024]).data)
    return digest.hexdigest()
