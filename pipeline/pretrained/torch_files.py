"""Arrays out of the files that PyTorch wrote before version 1.6, read without PyTorch.

Such a ``.pth`` file is a sequence of five pickles followed by the raw values: a magic number, the
version of the protocol, the sizes of C's types, the object itself, and the keys of its storages;
then, for each key, the number of values (int64) and the values. A tensor in the pickled object is a
view of a storage: offset, shape and strides, all counted in values. The layout is that of
``torch.serialization._legacy_save``.

A pickle can run code when it is loaded. Here the file's SHA-256 is compared before a byte of it is
unpickled, and the unpickler knows nothing but ordered dictionaries, tensors and types of values.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8"}
"""Type of a storage -> dtype of its values. Names, because a pickle could change an object."""


class _Storage(NamedTuple):
    key: str
    dtype: str
    values: int


class _View(NamedTuple):
    """A tensor: what it reads of a storage, in values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: Path, sha256: str, remedy: str) -> dict[str, NDArray]:
    """Read the dictionary of tensors in a file, such as the state of a network.

    Args:
        path: the file.
        sha256: the checksum that it must have.
        remedy: how to get the right file, for errors.

    Returns:
        Name -> array of the tensor's shape, contiguous, little-endian.

    Raises:
        StudyError: if the file is missing, has another checksum, or is not such a file.
    """
    content = read_verified(path, sha256, remedy)
    try:
        return _tensors(io.BytesIO(content))
    except Exception as error:  # a damaged pickle raises nearly anything
        raise StudyError(f"{path} is not a file of tensors: {error}. {remedy}") from None


def read_verified(path: Path, sha256: str, remedy: str) -> bytes:
    """Read a file once, so that what is verified is what is used.

    Raises:
        StudyError: if the file is missing or has another checksum.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"there is no weights file {path}. {remedy}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise StudyError(
            f"{path} holds other weights: found the SHA-256 {found}; expected {sha256}. {remedy}"
        )
    return content


class _TensorUnpickler(pickle.Unpickler):
    """Reads dictionaries, numbers, texts and views of storages; a pickle cannot run code here."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # Made anew each time: a pickle may set attributes of what it is given.
            return lambda *arguments: _view(*arguments)
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"found {module}.{name}, which is not part of a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, values, parent = pid
        if kind != "storage" or dtype not in DTYPES.values() or parent is not None:
            raise pickle.UnpicklingError(f"found {kind!r} of {dtype!r}; expected a whole storage")
        return _Storage(str(key), str(dtype), int(values))


def _view(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
    """Stand in for ``torch._utils._rebuild_tensor_v2``; gradients and hooks are ignored."""
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError(f"found a tensor of {type(storage).__name__}")
    return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _tensors(stream: io.BytesIO) -> dict[str, NDArray]:
    magic, protocol, system, views, keys = (_TensorUnpickler(stream).load() for _ in range(5))
    if (magic, protocol) != (MAGIC_NUMBER, PROTOCOL) or not system.get("little_endian"):
        raise ValueError(
            f"found the magic number {magic!r}, protocol {protocol!r}, {system!r}; expected "
            f"{MAGIC_NUMBER}, {PROTOCOL}, little-endian values"
        )
    others = [str(name) for name, each in views.items() if not isinstance(each, _View)]
    if others:
        raise ValueError(f"found {listing(others, 3)}; expected tensors alone")
    storages = {view.storage.key: view.storage for view in views.values()}
    if sorted(storages) != sorted(keys):
        raise ValueError(f"found {len(keys)} storages; expected {len(storages)}")
    values = {key: _values(stream, storages[key]) for key in keys}
    return {name: _array(view, values[view.storage.key]) for name, view in views.items()}


def _values(stream: io.BytesIO, storage: _Storage) -> NDArray:
    """Read the next storage: the number of its values, and the values."""
    count = int.from_bytes(stream.read(8), "little")
    dtype = np.dtype(storage.dtype)
    content = stream.read(storage.values * dtype.itemsize)
    if count != storage.values or len(content) != count * dtype.itemsize:
        raise ValueError(
            f"storage {storage.key}: found {count:,} values in {len(content):,} bytes; expected "
            f"{storage.values:,} of {dtype.itemsize} bytes"
        )
    return np.frombuffer(content, dtype)


def _array(view: _View, values: NDArray) -> NDArray:
    """Copy a view out of its storage; a view beyond the storage would read foreign memory."""
    last = view.offset + sum(
        (side - 1) * stride for side, stride in zip(view.shape, view.strides, strict=True)
    )
    if min((view.offset, *view.shape, *view.strides)) < 0 or last >= len(values):
        raise ValueError(f"found a tensor beyond the {len(values):,} values of its storage")
    strides = [stride * values.itemsize for stride in view.strides]
    strided = np.lib.stride_tricks.as_strided(values[view.offset :], view.shape, strides)
    if not math.prod(view.shape):
        raise ValueError(f"found an empty tensor {view.shape}")
    return np.ascontiguousarray(strided).reshape(view.shape)
