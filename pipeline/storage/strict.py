"""Strict reading: checks of the types, shapes and names in a file.

A checksum (`pipeline.storage.integrity`) shows that a file is unchanged; these checks show that it
has the format of this version of the project.
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
"""NumPy's letters for the dtypes that a column may have; text columns are always read as text."""
_EMPTY = {"text": str, "integer": np.int64, "number": np.float64, "flag": bool}


def refuse(path: Path, what: str, remedy: str) -> NoReturn:
    """Raise `StudyError` about a file with an unexpected format."""
    raise StudyError(f"{path} has an unexpected format ({what}); regenerate it with: {remedy}")


@cache
def _adapter(kind: type) -> TypeAdapter:
    return TypeAdapter(kind)


def read_record(kind: type[Record], values: Any, path: Path, remedy: str) -> Record:
    """Turn parsed JSON into a dataclass; lists become tuples where the class has tuples.

    Raises:
        StudyError: if a field is missing, unknown or of the wrong type.
    """
    if not isinstance(values, dict):
        refuse(path, f"found {type(values).__name__}; expected an object", remedy)
    names = {each.name for each in fields(cast(Any, kind))}
    missing, unknown = names - values.keys(), values.keys() - names
    if missing or unknown:
        there = "; ".join(
            f"{word}: {listing(sorted(map(repr, which)))}"
            for word, which in (("missing", missing), ("unknown", unknown))
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
    """Return the array after checking its dtype and shape.

    Args:
        array: the array.
        dtype: the expected dtype, in this machine's byte order.
        shape: the expected shape; None for any length.
        path: path of its file, for the message.
        remedy: the command that creates the file.
        name: name of the array in its file, for the message.

    Raises:
        StudyError: if the dtype or shape differs.
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
    """Return one array of a file with several, of any length; see `check_array`."""
    if name not in arrays:
        refuse(path, f"found no array {name}", remedy)
    return check_array(arrays[name], dtype, (None,) * dimensions, path, remedy, name)


def read_dtypes(columns: Mapping[str, Column]) -> dict[str, type]:
    """Return the dtypes for `pandas.read_csv`: text stays text even if it looks like numbers."""
    return {name: str for name, kind in columns.items() if kind == "text"}


def check_table(
    table: pd.DataFrame, columns: Mapping[str, Column], path: Path, remedy: str
) -> pd.DataFrame:
    """Return the table after checking its columns; one without rows gets the right dtypes.

    Read it with `read_dtypes`.

    Raises:
        StudyError: unless it has exactly these columns, in this order, with these kinds of values.
    """
    if tuple(table) != tuple(columns):
        raise StudyError(
            f"{path} has the columns {listing(table)}; expected {listing(columns)}. "
            f"Regenerate it with: {remedy}"
        )
    if table.empty:
        return table.astype({name: _EMPTY[kind] for name, kind in columns.items()})
    for name, kind in columns.items():
        if kind != "text" and table[name].dtype.kind not in _KINDS[kind]:
            refuse(path, f"column {name}: found values other than {kind}s", remedy)
    return table
