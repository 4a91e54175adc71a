"""The files in a zip archive.

Its directory has no checksum, and the standard library does not count what it finds there, so a
wrong length in one entry swallows those that follow. Here that is an error, and so is a name that
differs from the one in front of the file itself.
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
    """Give name, contents (None for a link or a device) and the bytes read from disk for it.

    Args:
        path: the archive.
        wanted: says of a name whether the file is to be read; it is asked about hidden ones, too.
        whole: see `pipeline.data.reading.archive_limits.read_content`.

    Raises:
        StudyError: if a name or a size is none that a dataset has. For a damaged archive, the
            errors of the standard library are raised.
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
            # Opening compares the two names; what is encrypted is told where it is wanted.
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
                # Never more than the stated size; at its end the CRC is checked.
                with archive.open(member) as stream:
                    content = read_content(stream, path, name, member.file_size, whole)
            yield names.take(raw), content, member.compress_size


def _opened(path: Path, names: Names) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except UnicodeDecodeError as error:  # a name that is said to be UTF-8, as bytes
        names.take(bytes(error.object).decode("utf-8", "surrogateescape"))
        raise


def _check_count(path: Path, found: int) -> None:
    """Compare the number of members with the one at the archive's end, of 16 or 64 bits."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - (1 << 17)))
        tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    (stated,) = struct.unpack_from("<H", tail, end + 10)
    large = tail.rfind(b"PK\x06\x06", 0, end)
    if stated == 0xFFFF and large >= 0:
        (stated,) = struct.unpack_from("<Q", tail, large + 32)
    if (found - stated) % (1 << 16):  # some tools count on beyond 16 bits without the larger field
        raise zipfile.BadZipFile(f"its directory lists {found:,} files; expected {stated:,}")


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's path with forward slashes, also where a Windows tool wrote other ones.

    Names without the flag of UTF-8 are in an encoding that nobody states. Many are UTF-8 all the
    same; the others are given as Python gives undecodable names of a disk.
    """
    name = member.orig_filename if "\0" in member.orig_filename else member.filename
    if not member.flag_bits & 0x800 and not name.isascii():
        with suppress(UnicodeEncodeError):  # if it was not read as cp437, but from an extra field
            name = name.encode("cp437").decode("utf-8", "surrogateescape")
    return name.replace("\\", "/")
