"""Files in a folder, a zip or a tar archive, read one after another without unpacking.

No member is ever written to disk, so its path cannot do harm. Archives are read once, front to
back, because compressed tars allow nothing else. Names are normalized
(`pipeline.data.reading.names`), and all reads are limited (`pipeline.data.reading.archive_limits`).
"""

from __future__ import annotations

import hashlib
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.checks import StudyError, escaped, in_message
from pipeline.data.reading.archive_limits import Whole, read_content
from pipeline.data.reading.folders import check_file, folder_files
from pipeline.data.reading.names import Names, normalized
from pipeline.data.reading.progress import byte_progress
from pipeline.data.reading.tar_members import tar_members
from pipeline.data.reading.zip_members import zip_members
from pipeline.storage.integrity import file_digest

File = tuple[str, bytes | None]
"""Path with forward slashes, and contents; None for a link or device inside an archive."""
Wanted = Callable[[str], bool]
_Read = Iterator[tuple[str, bytes | None, int]]
"""The same, and the number of bytes read from disk for it."""

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
}
_OTHERS = {
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself",
    b"<": "a web page or XML",
}
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    OSError,
    ValueError,
    RecursionError,  # a chain of long names in a tar
    struct.error,
    OverflowError,
)
"""Errors that randomly damaged archives raise."""


def is_archive_name(name: str) -> bool:
    """Return whether a file has the name of a supported archive."""
    return name.lower().endswith(SUFFIXES)


def read_files(path: Path, wanted: Wanted, whole: Whole | None = None) -> Iterator[File]:
    """Yield the path and contents of each file that is wanted and not hidden, in no fixed order.

    Paths are normalized to NFC and unique. Links inside an archive are always included, because
    they may stand for a folder of images.

    Args:
        path: a folder or an archive.
        wanted: takes a path; returns whether to include that file.
        whole: decides which files are read whole; only the first `HEAD` bytes of others are
            returned. By default, all files are read whole.

    Raises:
        StudyError: if an archive is damaged, truncated, encrypted, of an unsupported format, or
            larger inside than images would be; if a name is not text, or occurs twice; if a file
            cannot be read or is too large.
    """
    if path.is_dir():
        yield from _shown(_folder(path, wanted, whole), path, _folder_size(path, wanted))
        return
    kind = archive_kind(path)
    is_zip = kind == "zip"
    members = zip_members(path, wanted, whole) if is_zip else tar_members(path, kind, wanted, whole)
    try:
        yield from _shown(members, path, path.stat().st_size)
    except StudyError:
        raise
    except DAMAGE as error:
        raise StudyError(
            f"{path} is damaged or truncated ({path.stat().st_size:,} bytes): "
            f"{str(error) or type(error).__name__}. Replace it with an intact copy"
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # zipfile: encryption or compression
        raise StudyError(
            f"{path} cannot be read: {error}. Repack it without encryption, with ordinary "
            "compression"
        ) from None


def archive_kind(path: Path) -> str:
    """Return ``zip``, ``tar``, ``gzip``, ``xz`` or ``bzip2``, depending on the file's content.

    Raises:
        StudyError: if it is something else; the message names it if it is known.
    """
    check_file(path)
    with path.open("rb") as stream:
        head = stream.read(512)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    others = (what for magic, what in _OTHERS.items() if head.startswith(magic))
    found = next(others, "not a supported archive" if head else "an empty file")
    raise StudyError(
        f"{path} is {found}; expected a folder, or an archive: zip, tar, tar.gz, tar.xz or tar.bz2"
    )


def digest_of(path: Path, wanted: Wanted) -> tuple[str, int]:
    """Return the SHA-256 and the size in bytes of an archive, or of the wanted files in a folder.

    A folder's SHA-256 is that of a list of its files, sorted by path. Each line has the SHA-256 of
    a file, two spaces, and its path.
    """
    if path.is_file():
        return file_digest(path), path.stat().st_size
    whole, size = hashlib.sha256(), 0
    for name in filter(wanted, folder_files(path)):
        line = f"{file_digest(path / name)}  {name}\n"  # as the command sha256sum writes it
        whole.update(line.encode("utf-8"))
        size += (path / name).stat().st_size
    return whole.hexdigest(), size


def _shown(members: _Read, path: Path, size: int) -> Iterator[File]:
    """Yield files, and show how many of `size` bytes have been read."""
    with byte_progress(f"reading {escaped(path.name)}", size) as advance:
        for name, content, taken in members:
            advance(taken)
            yield name, content


def _folder_size(folder: Path, wanted: Wanted) -> int:
    return sum((folder / name).stat().st_size for name in filter(wanted, folder_files(folder)))


def _folder(folder: Path, wanted: Wanted, whole: Whole | None) -> _Read:
    names = Names(str(folder))
    for raw in filter(wanted, folder_files(folder)):
        try:
            with (folder / raw).open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                content = read_content(stream, folder, normalized(raw), size, whole)
        except OSError as error:
            raise StudyError(
                f"{folder}: {in_message(raw)} cannot be read: {error.strerror}; expected a "
                "readable file. Repair or remove it"
            ) from None
        yield names.take(raw), content, size
