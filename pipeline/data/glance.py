"""What a folder or an archive holds by the names and headers of its files; nothing is decoded.

It is for forecasts before any stage runs, so it must take seconds at most: a compressed tar has to
be read to be listed, and a large one is not.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.data.reading import archives
from pipeline.data.reading.decoding import shorter_side
from pipeline.data.reading.file_kinds import kind_of
from pipeline.data.reading.folders import folder_files
from pipeline.data.reading.names import is_hidden, normalized
from pipeline.data.reading.own_size import side_of_file, size_of

_SAMPLE = 200
"""The images whose headers are read."""
_LARGEST_COMPRESSED = 64 << 20
"""Bytes of the largest compressed tar that is listed."""


@dataclass(frozen=True)
class Glance:
    """The images of a folder or an archive, as far as their names tell."""

    names: tuple[str, ...]
    """Paths with the ending of an image."""
    size: int
    """`own_size`, from some of the images."""


def glance(path: Path) -> Glance | None:
    """Look at a folder or an archive; None if it cannot be listed fast, or has no such name.

    Raises:
        StudyError: as `archives.archive_kind` and `folder_files`.
        OSError: or another of `archives.DAMAGE`, if an archive is damaged.
    """
    if path.is_dir():
        return _seen(folder_files(path), lambda name: side_of_file(path / name))
    kind = archives.archive_kind(path)
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            files = [each.filename for each in archive.infolist() if not each.is_dir()]
            return _seen(files, lambda name: _side(archive.open(name)))
    if kind != "tar" and path.stat().st_size > _LARGEST_COMPRESSED:
        return None
    with tarfile.open(path) as tar:
        members = {each.name: each for each in tar.getmembers() if each.isfile()}
        return _seen(members, lambda name: _side(tar.extractfile(members[name])))


def _seen(files: Iterable[str], side_of: Callable[[str], int | None]) -> Glance | None:
    names = [name for name in files if not is_hidden(name) and kind_of(name, b"").image]
    if not names:
        return None
    some = names[:: -(-len(names) // _SAMPLE)]
    sides = [side for side in map(side_of, some) if side is not None]
    return Glance(tuple(map(normalized, names)), size_of(sides))


def _side(stream: IO[bytes] | None) -> int | None:
    if stream is None:
        return None
    with closing(stream):
        return shorter_side(stream)
