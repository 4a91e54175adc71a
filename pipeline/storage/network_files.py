"""Stored networks, checked before Keras opens them.

A ``.keras`` file names the classes that Keras creates. In safe mode, Keras refuses to run code from
such a file, but a new way around that has been found in most years, and this project supports
several versions of Keras. The networks here only need stock layers and plain weights, so anything
else is rejected before Keras sees it: other classes, other archive members, links, and sizes that
do not match the weights.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from pipeline.storage.object_files import uncompressed_members

_WEIGHTS = "model.weights.h5"
_MEMBERS = {"config.json", "metadata.json", _WEIGHTS}
_MODELS = {
    ("keras.src.models.functional", "Functional"),
    ("keras", "Functional"),
    ("keras", "Sequential"),
}
_WEIGHTED = {
    *("BatchNormalization", "Conv2D", "Dense", "DepthwiseConv2D", "GroupNormalization"),
    *("LayerNormalization", "Normalization", "PReLU", "SeparableConv2D"),
}
"""Layers that allocate arrays of the size given in the file."""
_LAYERS = {
    *("Activation", "Add", "Average", "AveragePooling2D", "Concatenate", "Cropping1D"),
    *("Cropping2D", "Dropout", "ELU", "Flatten", "GaussianNoise", "GlobalAveragePooling2D"),
    *("GlobalMaxPooling2D", "Identity", "InputLayer", "LeakyReLU", "MaxPooling2D", "Maximum"),
    *("Multiply", "Permute", "ReLU", "Rescaling", "Reshape", "Resizing", "Softmax"),
    *("SpatialDropout2D", "Subtract", "UpSampling2D", "ZeroPadding2D"),
}
_INITIALIZERS = {
    *("Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity"),
    *("LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomNormal", "RandomUniform"),
    *("TruncatedNormal", "VarianceScaling", "Zeros"),
}
_CLASSES = {
    *_MODELS,
    *(("keras.layers", name) for name in _WEIGHTED | _LAYERS),
    *(("keras.initializers", name) for name in _INITIALIZERS),
    *(("keras.regularizers", name) for name in ("L1", "L2", "L1L2")),
    ("keras", "DTypePolicy"),
    (None, "__keras_tensor__"),
}
"""(module, class): none of them reads files, contains code, or calls anything by name."""
_ANY_SIZE = 4096
"""Sizes up to this are accepted; a larger one must be that of an array of the weights."""
_INPUT_SIZE = 20_000
"""The same limit for an input layer, which may receive the features of a frozen base."""
_NO_SIZES = {"seed", "mean", "variance", "max_value", "cropping", "target_shape"}
"""Numbers of layers that do not enlarge an array: pixels of high contrast have a variance of up to
16,256, and cropping or reshaping never adds values."""


def check_network_file(path: Path) -> None:
    """Check a ``.keras`` file without Keras.

    Raises:
        ValueError: or another exception, if it contains anything that no network here has, or is
            damaged.
    """
    with zipfile.ZipFile(path) as archive:
        members = uncompressed_members(archive, path.stat().st_size)
        if set(members) != _MEMBERS:
            raise ValueError(f"it contains {sorted(members)}; expected {sorted(_MEMBERS)}")
        with archive.open(_WEIGHTS) as stream, h5py.File(stream, "r") as weights:
            sizes = set(_sizes(weights, set()))
        config = json.loads(archive.read("config.json"))
    if (config.get("module"), config.get("class_name")) not in _MODELS:
        raise ValueError(f"it has the class {config.get('class_name')!r}; expected a model")
    _check_config(config, sizes)


def _check_config(config: Any, sizes: set[int]) -> None:
    if isinstance(config, list):
        for each in config:
            _check_config(each, sizes)
    if not isinstance(config, dict):
        return
    if {"class_name", "module", "registered_name"} & config.keys():
        _check_class(config, sizes)
    for each in config.values():
        _check_config(each, sizes)


def _check_class(config: dict[str, Any], sizes: set[int]) -> None:
    module, name = config.get("module"), config.get("class_name")
    registered = config.get("registered_name")
    if (module, name) not in _CLASSES or registered not in (None, name):
        also = "" if registered in (None, name) else f", registered as {registered!r}"
        raise ValueError(
            f"it names {module}.{name}{also}; expected one of the classes "
            "listed in pipeline/storage/network_files.py"
        )
    if name == "__keras_tensor__" or (module, name) in _MODELS:
        return
    said = [config.get("config"), config.get("build_config") if name in _WEIGHTED else None]
    believed = _INPUT_SIZE if name == "InputLayer" else _ANY_SIZE
    for number in _numbers(said):
        if number > believed and number not in sizes:
            raise ValueError(f"{name} has the size {number:,}, which no array of the weights has")


def _numbers(config: Any) -> Iterator[float]:
    """Yield the numbers of a layer that may be sizes, except those of objects inside it."""
    if isinstance(config, int | float):
        yield config
    elif isinstance(config, list):
        for each in config:
            yield from _numbers(each)
    elif isinstance(config, dict) and "class_name" not in config:
        for key, each in config.items():
            if key not in _NO_SIZES:
                yield from _numbers(each)


def _sizes(group: h5py.Group, seen: set[int]) -> Iterator[int]:
    """Yield the sizes of all arrays in a weights file; each must be stored there, once, in full."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"its weights contain a link, {name!r}")
        item = group[name]
        place = h5py.h5o.get_info(item.id).addr
        if place in seen:
            raise ValueError(f"its weights contain {name!r} twice")
        seen.add(place)
        if isinstance(item, h5py.Group):
            yield from _sizes(item, seen)
            continue
        plain = isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf"
        if not plain or item.is_virtual or item.external or item.chunks:
            raise ValueError(f"its weights contain {name!r}, which is not a plain array")
        if item.id.get_storage_size() != item.size * item.dtype.itemsize:
            raise ValueError(f"its weights declare {name!r} as {item.shape}, but lack its data")
        yield from item.shape
