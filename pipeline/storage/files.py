"""Reading and writing single files.

Files are replaced atomically, so a killed stage leaves either the old file or the new one, never
half of one. Each set of files has a manifest of checksums (`pipeline.storage.integrity`), by which
every file is verified when it is read.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline import litter
from pipeline.checks import StudyError
from pipeline.storage import integrity, strict

if TYPE_CHECKING:
    import pandas as pd

Record = TypeVar("Record")
_ROWS = 256
"""Rows of an array that are copied and written at a time."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block succeeds.

    The first call for a folder removes what killed processes left there. An exception in the block
    gets a note of what was being written, for `pipeline.system_errors`.
    """
    size = 0
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        litter.sweep(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=litter.prefix(), suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except Exception as error:
        if temporary is not None and temporary.exists():
            size = temporary.stat().st_size
        error.add_note(f"writing {path} ({size:,} bytes were written)")
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def save_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_json(path: Path, value: Any) -> None:
    """Write indented JSON, with keys in the given order; a dataclass becomes an object."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    save_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Rows:
    """Some rows of an array, which are copied a few at a time when they are written."""

    array: NDArray
    """(n, ...)."""
    rows: NDArray[np.int64]
    """(m,) positions."""


def save_array(path: Path, array: NDArray | Rows) -> None:
    """Write one array, or rows of one, as ``.npy``."""
    with atomic(path) as temporary, temporary.open("wb") as stream:
        if isinstance(array, Rows):
            _save_rows(stream, array)
        else:
            np.save(stream, array, allow_pickle=False)


def _save_rows(stream: IO[bytes], chosen: Rows) -> None:
    """Write what `numpy.save` writes of ``array[rows]``."""
    array, rows = chosen.array, chosen.rows
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": (len(rows), *array.shape[1:]),
    }
    np.lib.format.write_array_header_1_0(stream, header)
    for start in range(0, len(rows), _ROWS):
        stream.write(array[rows[start : start + _ROWS]].tobytes())


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, without its index, and with nine significant digits.

    A text that a spreadsheet would interpret as a formula is prefixed with an apostrophe, which
    `load_table` removes.
    """
    with atomic(path) as temporary:
        _map_texts(table, _defused).to_csv(
            temporary, index=False, float_format="%.9g", lineterminator="\n"
        )


_FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""The beginning of a cell that a spreadsheet would evaluate, or of one that `_defused` has changed.
The characters, including full-width ones, are those of OWASP's page on CSV injection."""


def _defused(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _armed(text: str) -> str:
    """Undo `_defused`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _map_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Apply a function to all cells with text; numbers and empty cells do not change."""

    def each(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    columns = {
        str(name): table[name].map(each) for name in table.select_dtypes(exclude=["number", "bool"])
    }
    return table.assign(**columns) if columns else table


def load_json(path: Path, remedy: str) -> Any:
    """Read JSON; `remedy` is the command that creates the file if it is missing or damaged."""
    existing = existing_file(path, remedy)
    try:
        return json.loads(existing.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested too deeply
        raise StudyError(f"{path} is not JSON ({error}); regenerate it with: {remedy}") from None


def load_array(path: Path, remedy: str) -> NDArray:
    """Open an array memory-mapped and read-only: outputs of DVC are links into its cache."""
    existing = existing_file(path, remedy)
    try:
        return np.load(existing, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise StudyError(
            f"{path} is not an .npy file ({error}); regenerate it with: {remedy}"
        ) from None


def load_table(path: Path, remedy: str, **options: Any) -> pd.DataFrame:
    """Read a CSV table, with texts as they were passed to `save_table`."""
    import pandas as pd  # takes 0.25 s, and half of the stages read no table

    existing = existing_file(path, remedy)
    try:
        table = pd.read_csv(existing, keep_default_na=False, na_values=[""], **options)
        return _map_texts(table, _armed)
    except (ValueError, pd.errors.ParserError) as error:
        raise StudyError(
            f"{path} is not a CSV table ({error}); regenerate it with: {remedy}"
        ) from None


def load_record(kind: type[Record], path: Path, remedy: str) -> Record:
    """Read a dataclass from JSON; lists become tuples where the class has tuples."""
    return strict.read_record(kind, load_json(path, remedy), path, remedy)


def load_sealed(kind: type[Record], path: Path, remedy: str) -> Record:
    """Read a dataclass from JSON that contains its own checksum."""
    content = integrity.unseal(load_json(path, remedy), path, remedy)
    return strict.read_record(kind, content, path, remedy)


def load_checked_table(path: Path, columns: dict[str, strict.Column], remedy: str) -> pd.DataFrame:
    """Read a CSV table that has exactly these columns, in this order, of these kinds."""
    table = load_table(path, remedy, dtype=strict.read_dtypes(columns))
    return strict.check_table(table, columns, path, remedy)


def intact(manifest: Path, of: dict[str, Any], name: str, remedy: str) -> Path:
    """Verify a file by the manifest beside it, and return its path.

    Raises:
        StudyError: if the file or the manifest is missing, was changed, or belongs to something
            else.
    """
    existing_file(manifest.parent / name, remedy)
    return integrity.load_manifest(manifest, of, remedy).verify(name)


def existing_file(path: Path, remedy: str) -> Path:
    """Return the path, or raise `StudyError` with the command that creates the file."""
    if not path.exists():
        raise StudyError(f"there is no {path}; create it with: {remedy}")
    return path


def load_arrays(path: Path, remedy: str) -> dict[str, NDArray]:
    """Read all arrays of an ``.npz`` file."""
    existing = existing_file(path, remedy)
    try:
        with np.load(existing, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception as error:  # reading a damaged archive can raise anything
        raise StudyError(f"{path} cannot be read ({error}); regenerate it with: {remedy}") from None
