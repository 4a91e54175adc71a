"""The files in a tar archive, compressed or not, read as one stream.

The standard library ends quietly at a damaged header, and checks no gzip checksum when it streams;
both would pass off part of a dataset as the whole. Here both are errors.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.data.reading.archive_limits import Limit, Whole, read_content
from pipeline.data.reading.names import Names, is_hidden, normalized

_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gzip": lambda packed: gzip.GzipFile(fileobj=packed, mode="rb"),
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
    "tar": nullcontext,
}
_MAX_HEADER = 1 << 20
"""Bytes of one extended header, a path or attributes, which the library holds in memory."""
_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


def tar_members(
    path: Path, kind: str, wanted: Callable[[str], bool], whole: Whole | None
) -> Iterator[tuple[str, bytes | None, int]]:
    """Give name, contents (None for a link or a device) and the bytes read from disk for it.

    Args:
        path: the archive.
        kind: ``tar``, ``gzip``, ``xz`` or ``bzip2``.
        wanted: says of a name whether the file is to be read; it is asked about hidden ones, too.
        whole: see `pipeline.data.reading.archive_limits.read_content`.

    Raises:
        StudyError: if a name or a size is none that a dataset has. For a damaged archive, the
            errors of the standard library are raised.
    """
    names, limit = Names(str(path)), Limit(path)
    with path.open("rb") as packed, _OPENERS[kind](packed) as stream:
        seen = given = 0
        with _opened(stream, kind) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it keeps all headers
                given += max(member.size, 0)  # of a sparse file, more than the archive holds
                limit.check(max(given, stream.tell()))
                name = normalized(member.name)
                is_wanted = not member.isdir() and (wanted(name) or not member.isfile())
                if is_hidden(name) or not is_wanted:
                    continue
                file = archive.extractfile(member) if member.isfile() else None
                content = read_content(file, path, name, member.size, whole) if file else None
                yield names.take(member.name), content, packed.tell() - seen
                seen = packed.tell()
        while stream.read(1 << 16):  # to the end, where the compressed formats check themselves
            limit.check(stream.tell())


def _opened(stream: BinaryIO, kind: str) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictMember)
    except tarfile.ReadError as error:
        raise tarfile.ReadError(f"the {kind} file holds no whole tar archive ({error})") from None


class _StrictMember(tarfile.TarInfo):
    """A tar header that is damaged or lacking is an error, not the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictMember:
        """Parse a header; one that would be too large to hold is damaged, or meant to be."""
        member = super().frombuf(buf, encoding, errors)
        if member.type in _EXTENDED and member.size > _MAX_HEADER:
            raise tarfile.ReadError(f"found a header of {member.size:,} bytes")
        return member

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _StrictMember:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the mark of the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {tarfile_.offset:,} of the tar") from None
