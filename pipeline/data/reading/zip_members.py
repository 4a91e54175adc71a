"""The files in a zip archive.

Its directory has no checksum, and the standard library does not count its entries, so a wrong
length in one entry can hide those that follow. Here that is an error, and so is a name that differs
from the one in the file's own header.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.data.reading.archive_limits import Limit, Whole, read_content
from pipeline.data.reading.names import Names, is_hidden, normalized


def zip_members(
    path: Path, wanted: Callable[[str], bool], whole: Whole | None
) -> Iterator[tuple[str, bytes | None, int]]:
    """Yield each file's name, contents (None for a link or device) and bytes read from disk.

    Args:
        path: the archive.
        wanted: takes a name; returns whether to read the file. Called for hidden files too.
        whole: see `pipeline.data.reading.archive_limits.read_content`.

    Raises:
        StudyError: if a name or a size is not acceptable in a dataset. A damaged archive raises
            errors of the standard library.
    """
    names, limit = Names(str(path)), Limit(path)
    with _opened(path, names) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.header_offset)
        _check_count(path, len(members))
        limit.check(sum(member.file_size for member in members))
        for member in members:
            raw = _zip_name(member)
            form = stat.S_IFMT(member.external_attr >> 16)
            is_link = form not in (0, stat.S_IFREG, stat.S_IFDIR)
            # Opening compares the two names. Encryption is an error only for wanted files.
            with suppress(RuntimeError), archive.open(member):
                pass
            if raw.endswith("/"):
                continue
            name = normalized(raw)
            is_wanted = wanted(name) or is_link
            if is_hidden(name) or not is_wanted:
                continue
            if is_link:
                content = None
            else:
                # This reads at most the stated size, and checks the CRC at the end.
                with archive.open(member) as stream:
                    content = read_content(stream, path, name, member.file_size, whole)
            yield names.take(raw), content, member.compress_size


def _opened(path: Path, names: Names) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except UnicodeDecodeError as error:  # bytes of a name that is marked as UTF-8
        names.take(bytes(error.object).decode("utf-8", "surrogateescape"))
        raise


def _check_count(path: Path, found: int) -> None:
    """Compare the number of members with the 16- or 64-bit count at the archive's end."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - (1 << 17)))
        tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    (stated,) = struct.unpack_from("<H", tail, end + 10)
    large = tail.rfind(b"PK\x06\x06", 0, end)
    if stated == 0xFFFF and large >= 0:
        (stated,) = struct.unpack_from("<Q", tail, large + 32)
    if (found - stated) % (1 << 16):  # some tools exceed 16 bits without the larger field
        raise zipfile.BadZipFile(f"its directory lists {found:,} files; expected {stated:,}")


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's path with forward slashes, even if a Windows tool wrote backslashes.

    Names without the UTF-8 flag are in an unstated encoding. Many are UTF-8 anyway; undecodable
    bytes become surrogates, as in Python's names of files on disk.
    """
    name = member.orig_filename if "\0" in member.orig_filename else member.filename
    if not member.flag_bits & 0x800 and not name.isascii():
        with suppress(UnicodeEncodeError):  # if it came from an extra field, not from cp437
            name = name.encode("cp437").decode("utf-8", "surrogateescape")
    return name.replace("\\", "/")
