"""The files in a tar archive, compressed or not, read as one stream.

The standard library stops silently at a damaged header, and does not check the gzip checksum of a
stream. Either would pass off part of a dataset as the whole. Here both are errors.
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
"""The most bytes of an extended header (a path or attributes), which is kept in memory."""
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
    """Yield each file's name, contents (None for a link or device) and bytes read from disk.

    Args:
        path: the archive.
        kind: ``tar``, ``gzip``, ``xz`` or ``bzip2``.
        wanted: takes a name; returns whether to read the file. Called for hidden files too.
        whole: see `pipeline.data.reading.archive_limits.read_content`.

    Raises:
        StudyError: if a name or a size is not acceptable in a dataset. A damaged archive raises
            errors of the standard library.
    """
    names, limit = Names(str(path)), Limit(path)
    with path.open("rb") as packed, _OPENERS[kind](packed) as stream:
        seen = given = 0
        with _opened(stream, kind) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep all headers
                given += max(member.size, 0)  # for a sparse file, more than the archive stores
                limit.check(max(given, stream.tell()))
                name = normalized(member.name)
                is_wanted = not member.isdir() and (wanted(name) or not member.isfile())
                if is_hidden(name) or not is_wanted:
                    continue
                file = archive.extractfile(member) if member.isfile() else None
                content = read_content(file, path, name, member.size, whole) if file else None
                yield names.take(member.name), content, packed.tell() - seen
                seen = packed.tell()
        while stream.read(1 << 16):  # to the end, where compressed formats have checksums
            limit.check(stream.tell())


def _opened(stream: BinaryIO, kind: str) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictMember)
    except tarfile.ReadError as error:
        raise tarfile.ReadError(f"the {kind} file has no complete tar archive ({error})") from None


class _StrictMember(tarfile.TarInfo):
    """A tar header; damaged or missing ones are errors, not the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _StrictMember:
        """Parse a header; one too large for memory is damaged or malicious."""
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
