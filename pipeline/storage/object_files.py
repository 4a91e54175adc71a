"""Fitted extractors and classifiers on disk: numbers as arrays, the rest as JSON, no pickles.

A pickle calls whatever it names, so opening one from a stranger runs the stranger's code. A file
of this format contains only data: it is an uncompressed ZIP archive with ``object.json`` and one
``<n>.npy`` per array, which `numpy.load` can open too. Opening it only creates objects of the
classes allowed by `pipeline.storage.stored_classes`, without calling them.

It can store None, bools, numbers, strings, lists, tuples, dictionaries, arrays of numbers or
strings, options (pydantic models, which are validated again when opened), and objects of those
classes with their attributes. Attributes whose names begin with an underscore are caches and are
left out. Equal objects give equal bytes, because DVC compares checksums.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from pipeline.checks import StudyError
from pipeline.storage.stored_classes import attributes_of, make_object, make_options, stored_name

_FORMAT = 1
_HEAD = "object.json"
_MOST_JSON = 1 << 22
"""Bytes of `_HEAD`; for an SVM it has about a thousand."""
_KINDS = "biufUS"
"""Kinds of arrays: bools, integers, floats, strings, bytes."""
_CHUNK = 1 << 20


def save_object(path: Path, value: Any) -> None:
    """Write an object. It is not compressed, because arrays of floats hardly shrink.

    Raises:
        TypeError: if something in it cannot be stored.
    """
    writer = _Writer()
    head = json.dumps({"format": _FORMAT, "object": writer.encode(value)}).encode("ascii")
    if len(head) > _MOST_JSON:
        raise TypeError(
            f"{type(value).__name__}: found {len(head)} bytes besides arrays; expected at most "
            f"{_MOST_JSON}"
        )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_member(_HEAD, len(head)), head)
        for index, array in enumerate(writer.arrays):
            with archive.open(_member(f"{index}.npy", array.nbytes), "w") as stream:
                np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)


def load_object(path: Path, able_to: str, remedy: str) -> Any:
    """Open a stored object.

    Args:
        path: the file.
        able_to: a method that the object must have.
        remedy: the command that regenerates the file.

    Raises:
        StudyError: if the file is missing, has another format, is damaged, or contains anything
            unexpected.
    """
    if not path.exists():
        raise StudyError(missing(path, remedy))
    try:
        with zipfile.ZipFile(path) as archive:
            reader = _Reader(archive, path.stat().st_size)
            value = reader.whole()
        if not callable(getattr(type(value), able_to, None)):
            raise ValueError(f"it contains a {type(value).__name__}, which has no {able_to!r}")
    except Exception as error:  # a damaged file can raise nearly anything
        raise StudyError(unreadable(path, error, remedy)) from None
    return value


def missing(path: Path, remedy: str) -> str:
    """Return the message for a missing file; it mentions a file of an earlier version.

    Args:
        path: the file.
        remedy: the command that creates it.
    """
    old = path.with_suffix(".joblib")
    also = f"; {old.name} beside it is from an earlier version, and a pickle can run code"
    return f"there is no {path}{also if old.exists() else ''}; create it with: {remedy}"


def unreadable(path: Path, error: Exception, remedy: str) -> str:
    """Return the message for an unreadable file, with a remedy that works even if DVC trusts it.

    Args:
        path: the file.
        error: the exception raised by reading it.
        remedy: the command that creates it, ``dvc repro <stage>``.
    """
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"{path} cannot be read ({reason}); regenerate it with: {remedy} --force --single-item"


def uncompressed_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive of `size` bytes by name; together they are no larger.

    Raises:
        ValueError: if a member is compressed, or stored once and listed twice, and could therefore
            be far larger than the archive.
    """
    found = {each.filename: each for each in archive.infolist()}
    stored = found.values()
    if any(m.compress_type or m.file_size != m.compress_size for m in stored):
        raise ValueError("it is compressed")
    if len(archive.infolist()) > len(found) or sum(m.file_size for m in stored) > size:
        raise ValueError("its members overlap")
    return found


def _member(name: str, size: int) -> zipfile.ZipInfo:
    """Describe a member without a current timestamp, so that equal objects give equal bytes."""
    info = zipfile.ZipInfo(name)  # dated 1980-01-01
    info.create_system, info.external_attr = 3, 0o644 << 16
    info.file_size = size + (1 << 16)  # with the header; only decides on the 64-bit format
    return info


class _Writer:
    """Turns an object into JSON values and a list of arrays."""

    def __init__(self) -> None:
        self.arrays: list[NDArray] = []

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind is list:
            return [self.encode(each) for each in value]
        if kind is tuple:
            return {"tuple": [self.encode(each) for each in value]}
        if kind is dict:
            pairs = value.items()
            return {"dict": [[self.encode(key), self.encode(each)] for key, each in pairs]}
        if isinstance(value, np.generic):
            return {"number": self._place(np.asarray(value))}
        if isinstance(value, np.ndarray):
            return {"array": self._place(np.asarray(value))}
        if isinstance(value, BaseModel):
            given = sorted(value.model_fields_set)
            return {"options": stored_name(kind), "given": given, "values": self._all(vars(value))}
        return {"object": stored_name(kind), "attributes": self._all(attributes_of(value))}

    def _all(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.encode(each) for name, each in sorted(values.items())}

    def _place(self, array: NDArray) -> int:
        if array.dtype.kind not in _KINDS or not array.dtype.isnative:
            raise TypeError(f"an array of dtype {array.dtype} cannot be stored")
        self.arrays.append(array)
        return len(self.arrays) - 1


class _Reader:
    """Recreates the object from an archive of `size` bytes.

    Memory use is bounded by that size: nothing is compressed, and no array is read twice.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self.archive = archive
        self.members = uncompressed_members(archive, size)

    def whole(self) -> Any:
        """Return the object, which must use all members of the archive."""
        if self.members[_HEAD].file_size > _MOST_JSON:
            raise ValueError(f"its {_HEAD} is too long")
        head = json.loads(self.archive.read(self.members.pop(_HEAD)))
        if head["format"] != _FORMAT:
            raise ValueError(f"found format {head['format']!r}; expected {_FORMAT}")
        value = self.decode(head["object"])
        if self.members:
            raise ValueError(f"it also contains {next(iter(self.members))!r}")
        return value

    def decode(self, code: Any) -> Any:
        match code:
            case None | bool() | int() | float() | str():
                return code
            case [*items]:
                return [self.decode(each) for each in items]
            case {"tuple": [*items]}:
                return tuple(self.decode(each) for each in items)
            case {"dict": [*pairs]}:
                return {self.decode(key): self.decode(each) for key, each in pairs}
            case {"array": int(index)}:
                return self._array(index)
            case {"number": int(index)}:
                return self._array(index)[()]
            case {"options": str(name), "given": [*given], "values": {**values}}:
                return make_options(name, given, self._all(values))
            case {"object": str(name), "attributes": {**attributes}}:
                return make_object(name, self._all(attributes))
        raise ValueError(f"found {str(code)[:80]!r}; expected a value")

    def _all(self, values: dict[Any, Any]) -> dict[str, Any]:
        return {name: self.decode(each) for name, each in values.items()}

    def _array(self, index: int) -> NDArray:
        member = self.members.pop(f"{index}.npy")
        with self.archive.open(member) as stream:
            return _read_array(stream, member.file_size)


def _read_array(stream: IO[bytes], size: int) -> NDArray:
    """Read a ``.npy`` member of `size` bytes; its header must match them."""
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array has another format")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in _KINDS or not dtype.isnative:
        raise ValueError(f"found an array of dtype {dtype}")
    if math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise ValueError(f"found an array of shape {shape} in {size:,} bytes")
    array = np.empty(shape[::-1] if by_column else shape, dtype)
    left = array.reshape(-1).view(np.uint8).data
    while len(left):
        count = stream.readinto(left[:_CHUNK])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("an array is truncated")
        left = left[count:]
    return array.T if by_column else array
