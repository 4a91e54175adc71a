"""Strict reading: what comes from a file has the types, the shape and the names it should have.

A checksum (`pipeline.storage.integrity`) tells that a file is the one that was written; these
checks tell that it is what this version of the project writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import TypeAdapter, ValidationError

from pipeline.checks import StudyError, listing

if TYPE_CHECKING:
    import pandas as pd

Record = TypeVar("Record")
Column = Literal["text", "integer", "number", "flag"]

_KINDS = {"integer": "iu", "number": "iufc", "flag": "b"}
"""NumPy's letters for the dtypes that a column may have; texts were read as text."""
_EMPTY = {"text": str, "integer": np.int64, "number": np.float64, "flag": bool}


def refuse(path: Path, what: str, remedy: str) -> NoReturn:
    """Raise `StudyError` about a file of another layout than the one that is read."""
    raise StudyError(f"{path} is another file ({what}); make it anew with: {remedy}")


@cache
def _adapter(kind: type) -> TypeAdapter:
    return TypeAdapter(kind)


def read_record(kind: type[Record], values: Any, path: Path, remedy: str) -> Record:
    """Turn parsed JSON into a dataclass; lists become tuples where the class has them.

    Raises:
        StudyError: unless all fields are there, no other is, and each has its type.
    """
    if not isinstance(values, dict):
        refuse(path, f"found {type(values).__name__}; expected an object", remedy)
    names = {each.name for each in fields(cast(Any, kind))}
    missing, unknown = names - values.keys(), values.keys() - names
    if missing or unknown:
        there = "; ".join(
            f"{word}: {listing(sorted(map(repr, which)))}"
            for word, which in (("lacking", missing), ("unknown", unknown))
            if which
        )
        refuse(path, there, remedy)
    try:
        return cast(
            Record, _adapter(cast(Any, kind)).validate_json(json.dumps(values), strict=True)
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        refuse(path, f"{where}: found {first['input']!r:.80}; {first['msg']}", remedy)


def check_array(
    array: NDArray,
    dtype: DTypeLike,
    shape: tuple[int | None, ...],
    path: Path,
    remedy: str,
    name: str = "an array",
) -> NDArray:
    """Return the array.

    Args:
        array: what was read.
        dtype: its dtype, in this machine's order of bytes.
        shape: its shape; None where any length is right.
        path: of its file, for the message.
        remedy: the command that makes the file.
        name: of the array in its file, for the message.

    Raises:
        StudyError: unless it has this dtype and shape.
    """
    fits = len(array.shape) == len(shape) and all(
        expected in (None, found) for found, expected in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = ", ".join("any" if each is None else str(each) for each in shape)
        refuse(
            path,
            f"{name}: found shape {array.shape} and dtype {array.dtype.str}; "
            f"expected ({wanted}) and {np.dtype(dtype).str}",
            remedy,
        )
    return array


def take_array(
    arrays: Mapping[str, NDArray],
    name: str,
    dtype: DTypeLike,
    dimensions: int,
    path: Path,
    remedy: str,
) -> NDArray:
    """Return an array of a file with several, of any length; other arguments as `check_array`."""
    if name not in arrays:
        refuse(path, f"found no array {name}", remedy)
    return check_array(arrays[name], dtype, (None,) * dimensions, path, remedy, name)


def read_dtypes(columns: Mapping[str, Column]) -> dict[str, type]:
    """Return the dtypes for `pandas.read_csv`: texts stay text where they look like numbers."""
    return {name: str for name, kind in columns.items() if kind == "text"}


def check_table(
    table: pd.DataFrame, columns: Mapping[str, Column], path: Path, remedy: str
) -> pd.DataFrame:
    """Return the table, read with `read_dtypes`; one without rows gets the right dtypes.

    Raises:
        StudyError: unless it has exactly these columns, in this order, and these kinds of values.
    """
    if tuple(table) != tuple(columns):
        raise StudyError(
            f"{path} has the columns {listing(table)}; expected {listing(columns)}. "
            f"Make it anew with: {remedy}"
        )
    if table.empty:
        return table.astype({name: _EMPTY[kind] for name, kind in columns.items()})
    for name, kind in columns.items():
        if kind != "text" and table[name].dtype.kind not in _KINDS[kind]:
            refuse(path, f"column {name}: found values that are no {kind}", remedy)
    return table
