"""The images' own size, from the headers of their files: what is stored if no size is given."""

from __future__ import annotations

import io
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.data.reading import archives
from pipeline.data.reading.archive_limits import HEAD
from pipeline.data.reading.decoding import shorter_side
from pipeline.data.reading.file_kinds import is_read_whole, kind_of
from pipeline.data.reading.folders import folder_files
from pipeline.data.reading.names import is_hidden

CAP = 256
"""The largest size that is chosen: larger images take more memory than most methods can use."""
_LEAST = 8


def own_size(path: Path) -> int:
    """Return the median of the shorter sides of all images, at least 8 and at most `CAP`.

    Args:
        path: a folder or an archive. Of a folder's files only the headers are read.

    Raises:
        StudyError: as `archives.read_files`.
    """
    return size_of(_sides_in_folder(path) if path.is_dir() else _sides_in_archive(path))


def size_of(sides: Iterable[int]) -> int:
    """Return the size for images with these shorter sides; `CAP` if there are none."""
    found = list(sides)
    return min(max(round(statistics.median(found)), _LEAST), CAP) if found else CAP


def side_of_file(path: Path) -> int | None:
    """Return the shorter side of an image file; None if it is not an image or not readable."""
    try:
        with path.open("rb") as stream:
            if not kind_of(path.name, stream.read(HEAD)).read:
                return None
            stream.seek(0)
            return shorter_side(stream)
    except OSError:  # said by whoever reads all of it
        return None


def _sides_in_folder(folder: Path) -> Iterator[int]:
    found = (side_of_file(folder / name) for name in folder_files(folder))
    return (side for side in found if side is not None)


def _sides_in_archive(path: Path) -> Iterator[int]:
    files = archives.read_files(path, lambda name: not is_hidden(name), is_read_whole)
    for name, content in files:
        if content is not None and kind_of(name, content[:HEAD]).read:
            side = shorter_side(io.BytesIO(content))
            if side is not None:
                yield side
