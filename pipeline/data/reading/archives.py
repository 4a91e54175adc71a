"""Files of a folder, a zip or a tar archive, read one after another without unpacking anything.

Since no member is ever written to disk, its path cannot lead anywhere. Archives are read once,
front to back, as the compressed tars demand. Names are made plain on the way
(`pipeline.data.reading.names`), and nothing is read without a limit
(`pipeline.data.reading.archive_limits`).
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
"""Path with forward slashes, and contents; None for a link (or a device) inside an archive."""
Wanted = Callable[[str], bool]
_Read = Iterator[tuple[str, bytes | None, int]]
"""The same, with the bytes that were read from disk for it."""

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
# Found by damaging archives at random.
_DAMAGE = (
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


def is_archive_name(name: str) -> bool:
    """Say whether a file's name is that of an archive that can be read here."""
    return name.lower().endswith(SUFFIXES)


def read_files(path: Path, wanted: Wanted, whole: Whole | None = None) -> Iterator[File]:
    """Give path and contents of each file that is wanted and not hidden, in no settled order.

    Paths are normalized to NFC, and each comes once. A link inside an archive is given whether it
    is wanted or not, since it may stand for a folder of images.

    Args:
        path: a folder or an archive.
        wanted: says of a path whether to give that file.
        whole: says of which files all is read; of others only the first `HEAD` bytes are given. All
            are read whole without it.

    Raises:
        StudyError: if an archive is damaged, cut short, encrypted, of a kind unknown here, or holds
            more than an archive of images would; if a name is no text, or comes twice; if a file
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
    except _DAMAGE as error:
        raise StudyError(
            f"{path} is damaged or cut short ({path.stat().st_size:,} bytes): "
            f"{str(error) or type(error).__name__}. Replace it by an intact copy; it was left as "
            "it is"
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # zipfile: encryption, odd compression
        raise StudyError(f"{path} cannot be read: {error}. Pack it without that") from None


def archive_kind(path: Path) -> str:
    """Return ``zip``, ``tar``, ``gzip``, ``xz`` or ``bzip2``, by what is in the file.

    Raises:
        StudyError: if it is something else, said by name where it is known.
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
    found = next(others, "no archive that is known here" if head else "an empty file")
    raise StudyError(
        f"{path} is {found}; expected a folder, or an archive: zip, tar, tar.gz, tar.xz or tar.bz2"
    )


def digest_of(path: Path, wanted: Wanted) -> tuple[str, int]:
    """Return the SHA-256 and the size in bytes of an archive, or of the wanted files of a folder.

    A folder's is that of a list of its files, sorted by path: a line each with the SHA-256 of the
    file, two spaces, and the path.
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
    """Pass files on and show how far the reading is; each brings the bytes that it took."""
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
                f"{folder}: {in_message(raw)} cannot be read: {error.strerror}; expected a file "
                "that can be. Mend or remove it"
            ) from None
        yield names.take(raw), content, size
