"""Features of a frozen base: computed once an image, and kept under all that determines them."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline import artefacts
from pipeline.deep.device import device_name
from pipeline.inference import predict
from pipeline.progress import Tenths


@dataclass(frozen=True)
class BaseFeatures:
    """What a network is trained on: what a frozen base says of images, or the images themselves."""

    values: NDArray
    """(n, d) float32, memory-mapped where they came from the cache; without a base, the pixels."""
    seconds: float
    """Of the computation, also if it was done in an earlier run; 0 for pixels."""


def base_features(
    base: keras.Model, images: NDArray[np.uint8], split: str, cache_folder: Path | None
) -> BaseFeatures:
    """Compute the features of a split, or take them from the cache.

    Args:
        base: from (n, height, width, 3) RGB pixels to (n, d).
        images: (n, height, width, 3) uint8, RGB.
        split: the split's name, for the progress lines.
        cache_folder: where ``<key>.npy`` and ``<key>.json`` are kept; None keeps nothing.
    """
    if cache_folder is None:
        return _compute(base, images, split)
    key = cache_key(base, images)
    array_file, record_file = cache_folder / f"{key}.npy", cache_folder / f"{key}.json"
    kept = _kept(array_file, record_file, len(images))
    if kept is not None:
        print(f"frozen base, {split}: {len(images):,} images taken from {cache_folder}", flush=True)
        return kept
    features = _compute(base, images, split)
    record_file.unlink(missing_ok=True)
    artefacts.save_array(array_file, features.values)
    artefacts.save_json(
        record_file,
        {
            "split": split,
            "shape": list(features.values.shape),
            "sha256": _digest(features.values),
            "seconds": features.seconds,
        },
    )
    return features


def cache_key(base: keras.Model, images: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of all that determines the features and their cost.

    That is: the base's layers, their options, connections and weights; the pixels; the backend, the
    version of Keras and the device, on which rounding and seconds depend.
    """
    surroundings = {
        "base": base.get_config(),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "device": device_name(),
        "images": list(images.shape),
    }
    digest = hashlib.sha256(json.dumps(surroundings, sort_keys=True, default=str).encode())
    for weight in base.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    digest.update(_digest(images).encode())
    return digest.hexdigest()


def _compute(base: keras.Model, images: NDArray[np.uint8], split: str) -> BaseFeatures:
    start = time.perf_counter()
    values = predict(base, images, on_batch=Tenths(f"frozen base, {split}", len(images)))
    return BaseFeatures(values, time.perf_counter() - start)


def _kept(array_file: Path, record_file: Path, n_images: int) -> BaseFeatures | None:
    """Return what the cache holds if it is whole; what is broken is computed anew."""
    try:
        record = json.loads(record_file.read_text(encoding="utf-8"))
        values = np.load(array_file, mmap_mode="r", allow_pickle=False)
        whole = (
            values.dtype == np.float32
            and list(values.shape) == record["shape"]
            and len(values) == n_images
            and _digest(values) == record["sha256"]
        )
        return BaseFeatures(values, float(record["seconds"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _digest(array: NDArray) -> str:
    """Return the SHA-256 of an array's bytes, read in blocks of rows."""
    digest = hashlib.sha256()
    for start in range(0, len(array), 1024):
        digest.update(np.ascontiguousarray(array[start : start + 1024]).data)
    return digest.hexdigest()
