"""Weights of `keras.applications`: downloaded by Keras, from a file, or drawn."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.pretrained.application_graph import CANONICAL, Step, application, steps_of
from pipeline.pretrained.base import Weights
from pipeline.storage.paths import INCOMING

HOST = "https://storage.googleapis.com"
"""Where Keras downloads from."""


def check_source(source: str, file: str) -> None:
    """Raise `StudyError` if weights are neither on this machine nor to be downloaded; no download.

    Args:
        source: ``imagenet``, ``random`` or the path of a file.
        file: Keras's name for the file of ImageNet's weights.
    """
    if source == "random" or (source == "imagenet" and (_placed(file) or _cached(file))):
        return
    if source != "imagenet":
        _check_file(Path(source))
        return
    try:
        requests.head(HOST, timeout=10)
    except requests.RequestException as error:
        raise _no_weights(file, type(error).__name__) from None


def read_weights(function: str, source: str, file: str, reverses_channels: bool) -> Weights:
    """Read the weights of all steps of a network, by name of the step.

    Args:
        function: the name in `keras.applications`.
        source: ``imagenet`` or the path of a file.
        file: as in `check_source`.
        reverses_channels: whether the first kernel was trained on BGR, and is to read RGB.

    Raises:
        StudyError: for unusable weights.
    """
    path = str(_placed(file) or "imagenet") if source == "imagenet" else source
    if path != "imagenet":
        _check_file(Path(path))
    try:
        with warnings.catch_warnings():
            # Keras only warns where a file lacks the weights of a layer.
            warnings.filterwarnings("error", message="Skipping")
            network = application(function, CANONICAL, path)
    except Exception as error:  # Keras, HDF5 and urllib raise many kinds, even a bare Exception
        if path == "imagenet":
            raise _no_weights(file, error) from None
        raise StudyError(
            f"{path} does not hold weights of keras.applications.{function} without its "
            f"classifier ({error}); expected a file such as {file}"
        ) from None
    found = _by_step(steps_of(network), reverses_channels)
    for name, arrays in found.items():
        if not all(np.isfinite(each).all() for each in arrays):
            raise StudyError(f"{path}: found NaN or infinity in the weights of {name}")
    return found


def _by_step(steps: Sequence[Step], reverses_channels: bool) -> Weights:
    made_by = {step.output: step for step in steps}
    weights: Weights = {}
    for step in filter(_has_weights, steps):
        arrays = [np.asarray(each, np.float32) for each in step.layer.get_weights()]
        if step.kind == "LayerScale":
            before = made_by[step.inputs[0]].name
            weights[before] = tuple(each * arrays[0] for each in weights[before])
        elif not step.is_left_out:
            if reverses_channels and not weights:
                arrays[0] = arrays[0][:, :, ::-1]
            weights[step.name] = tuple(arrays)
    return weights


def draw_weights(steps: Sequence[Step], seed: int) -> Weights:
    """Draw kernels of variance 1 / inputs; scales are 1, offsets 0, statistics 0 and 1.

    Each step has the same values however many follow. The variance is half of that for rectifiers
    (He et al. 2015), so that sums of a hundred layers stay small.
    """
    rng = np.random.default_rng(seed)
    return {
        step.name: tuple(_drawn(step.layer, rng))
        for step in steps
        if not step.is_left_out and _has_weights(step)
    }


def _has_weights(step: Step) -> bool:
    return bool(getattr(step.layer, "weights", ()))


def _drawn(layer: Any, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    for each in layer.weights:
        shape = tuple(each.shape)
        if "kernel" in each.name:
            depthwise = "depthwise" in each.name or type(layer).__name__ == "DepthwiseConv2D"
            inputs = np.prod(shape[:2] if depthwise else shape[:-1])
            yield rng.standard_normal(shape, dtype=np.float32) * np.float32(inputs**-0.5)
        else:
            ones = each.name in ("gamma", "moving_variance")
            yield np.full(shape, 1.0 if ones else 0.0, np.float32)


def record(source: str, file: str, weights: Weights | None) -> dict[str, Any]:
    """Return the card's record; the checksum is of all values, in the order of the network."""
    if weights is None:
        return {"weights": source, "weights_file": None, "weights_sha256": None}
    digest = hashlib.sha256()
    for arrays in weights.values():
        for values in arrays:
            digest.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
    downloaded = source == "imagenet"
    return {
        "weights": source if downloaded else "file",
        "weights_file": file if downloaded else Path(source).name,
        "weights_sha256": digest.hexdigest(),
    }


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise StudyError(
            f"there is no weights file {path} (in {Path.cwd()}); expected a file that Keras has "
            "written (.h5), imagenet or random"
        )


def _placed(file: str) -> Path | None:
    path = INCOMING / file
    return path if path.is_file() else None


def _cached(file: str) -> bool:
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return (home / "models" / file).is_file()


def _no_weights(file: str, reason: object) -> StudyError:
    return StudyError(
        f"the weights {file} are not on this machine and cannot be downloaded ({reason}). Copy the "
        f"file from another machine into {INCOMING}/ or ~/.keras/models/, or set base: "
        "efficientnet_lite0, which needs no download, or weights: random for an untrained control"
    )
