"""Files of a folder, a zip or a tar archive, read one after another without unpacking anything.

Since no member is ever written to disk, its path cannot lead anywhere: ``../`` in a member's name
is only an odd name. Archives are read once, front to back, as the compressed tars demand.

The standard library ends quietly at a damaged tar header, and checks no gzip checksum when it
streams; both would pass off part of a dataset as the whole. Here both are errors.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from pipeline.checks import StudyError
from pipeline.data.progress import byte_progress

File = tuple[str, bytes | None]
"""Path with forward slashes, and contents; None for a link inside an archive."""
Wanted = Callable[[str], bool]
Whole = Callable[[str, bytes], bool]
"""Says, of a path and the first `HEAD` bytes, whether the rest of the content is needed as well."""
_Read = Iterator[tuple[str, bytes | None, int]]
"""The same, with the bytes that were read from disk for it."""

HEAD = 512
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
_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gzip": lambda packed: gzip.GzipFile(fileobj=packed, mode="rb"),
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
    "tar": nullcontext,
}
# Found by damaging archives at random: ValueError is a name that is no text any more.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    OSError,
    ValueError,
)
_SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")


def is_archive_name(name: str) -> bool:
    """Say whether a file's name is that of an archive that can be read here."""
    return name.lower().endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    """Say whether a path is hidden, or of those that operating systems leave behind."""
    parts = PurePosixPath(name).parts
    return any(p in _SYSTEM_FILES or (p.startswith(".") and p != "..") for p in parts)


def read_files(path: Path, wanted: Wanted, whole: Whole | None = None) -> Iterator[File]:
    """Give path and contents of each file that is wanted and not hidden, in no settled order.

    Args:
        path: a folder or an archive.
        wanted: says of a path whether to give that file.
        whole: says of which files all is read; of others only the first `HEAD` bytes are given. All
            are read whole without it.

    Raises:
        StudyError: if an archive is damaged, cut short, encrypted, or of a kind unknown here.
    """
    if path.is_dir():
        yield from _shown(_folder(path, wanted, whole), path, _folder_size(path, wanted))
        return
    kind = archive_kind(path)
    members = _zip(path, wanted, whole) if kind == "zip" else _tar(path, kind, wanted, whole)
    try:
        yield from _shown(members, path, path.stat().st_size)
    except (RuntimeError, NotImplementedError) as error:  # zipfile: encryption, odd compression
        raise StudyError(f"{path} cannot be read: {error}. Pack it without that") from None
    except _DAMAGE as error:
        raise StudyError(
            f"{path} is damaged or cut short ({path.stat().st_size:,} bytes): "
            f"{str(error) or type(error).__name__}. Replace it by an intact copy; it was left as "
            "it is"
        ) from None


def folder_files(folder: Path) -> list[str]:
    """Return the sorted relative paths of all files of a folder that are not hidden.

    Links are followed, each folder once, so that a link to a parent does not go round for ever.
    """
    found: list[str] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        if os.path.realpath(root) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(root))
        base = Path(root).relative_to(folder)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        found += [(base / name).as_posix() for name in files if not is_hidden(name)]
    return sorted(found)


def archive_kind(path: Path) -> str:
    """Return ``zip``, ``tar``, ``gzip``, ``xz`` or ``bzip2``, by what is in the file.

    Raises:
        StudyError: if it is something else, said by name where it is known.
    """
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


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(path: Path, wanted: Wanted) -> tuple[str, int]:
    """Return the SHA-256 and the size in bytes of an archive, or of the wanted files of a folder.

    A folder's is that of a list of its files, sorted by path: a line each with the SHA-256 of the
    file, two spaces, and the path.
    """
    if path.is_file():
        return sha256_of(path), path.stat().st_size
    whole = hashlib.sha256()
    for name in filter(wanted, folder_files(path)):
        line = f"{sha256_of(path / name)}  {name}\n"  # as the command sha256sum writes it
        whole.update(line.encode("utf-8", "surrogateescape"))
    return whole.hexdigest(), _folder_size(path, wanted)


def _shown(members: _Read, path: Path, size: int) -> Iterator[File]:
    """Pass files on and show how far the reading is; each brings the bytes that it took."""
    with byte_progress(f"reading {path.name}", size) as advance:
        for name, content, taken in members:
            advance(taken)
            yield name, content


def _folder_size(folder: Path, wanted: Wanted) -> int:
    return sum((folder / name).stat().st_size for name in filter(wanted, folder_files(folder)))


def _content(stream: IO[bytes], name: str, whole: Whole | None) -> bytes:
    if whole is None:
        return stream.read()
    head = stream.read(HEAD)
    return head + stream.read() if whole(name, head) else head


def _folder(folder: Path, wanted: Wanted, whole: Whole | None) -> _Read:
    for name in filter(wanted, folder_files(folder)):
        with (folder / name).open("rb") as stream:
            yield name, _content(stream, name, whole), os.fstat(stream.fileno()).st_size


def _zip(path: Path, wanted: Wanted, whole: Whole | None) -> _Read:
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.header_offset):
            name = _clean(member.filename.replace("\\", "/"))  # as some Windows tools write it
            if not member.is_dir() and wanted(name) and not is_hidden(name):
                with archive.open(member) as stream:  # read to the end, it checks the member's CRC
                    yield name, _content(stream, name, whole), member.compress_size


def _tar(path: Path, kind: str, wanted: Wanted, whole: Whole | None) -> _Read:
    with path.open("rb") as packed, _OPENERS[kind](packed) as stream:
        seen = 0
        with _opened(stream, kind) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it keeps all headers
                name = _clean(member.name)
                if member.isdir() or not wanted(name) or is_hidden(name):
                    continue
                stored = archive.extractfile(member) if member.isfile() else None
                content = _content(stored, name, whole) if stored else None
                yield name, content, packed.tell() - seen
                seen = packed.tell()
        while stream.read(1 << 16):  # to the end, where the compressed formats check themselves
            pass


def _opened(stream: BinaryIO, kind: str) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictMember)
    except tarfile.ReadError as error:
        raise tarfile.ReadError(f"the {kind} file holds no whole tar archive ({error})") from None


class _StrictMember(tarfile.TarInfo):
    """A tar header that is damaged or lacking is an error, not the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _StrictMember:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the mark of the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {tarfile_.offset:,} of the tar") from None


def _clean(name: str) -> str:
    return PurePosixPath(name).as_posix().lstrip("/")
