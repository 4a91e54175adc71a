"""How much is read: of one file, and of all that an archive holds.

An archive of 10 MB can hold 10 GB of zeros. The limits are applied to the sizes that an archive
states, before anything is read, and to what is really read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from pipeline.checks import StudyError, in_message

Whole = Callable[[str, bytes], bool]
"""Says, of a path and the first `HEAD` bytes, whether the rest of the content is needed as well."""
HEAD = 512
MAX_FILE = 256 << 20
"""Bytes of one file. The largest raw images of cameras have some 100 MB."""
FREE_BYTES = 1 << 30
"""Bytes that any archive may hold: read in seconds, whatever they are."""
MAX_RATIO = 100
"""Bytes that an archive above `FREE_BYTES` may hold for each of its own. Photographs have a ratio
of about 1, thumbnails of 32 pixels in a tar.xz, mostly padding, 2 to 7; gzip can reach 1,000."""


def read_content(
    stream: IO[bytes], where: Path, name: str, size: int, whole: Whole | None
) -> bytes:
    """Return the contents of a file, or only the first `HEAD` bytes if no more is needed.

    Args:
        stream: the file, at its beginning.
        where: the folder or archive that it lies in.
        name: its path there.
        size: bytes that it is said to have; no more are there.
        whole: says which files are read whole; None for all.

    Raises:
        StudyError: if a file that is to be read whole has more than `MAX_FILE` bytes.
    """
    head = b"" if whole is None else stream.read(HEAD)
    if whole is not None and not whole(name, head):
        return head
    if size > MAX_FILE:
        raise StudyError(
            f"{where}: {in_message(name)} has {size:,} bytes; expected at most {MAX_FILE:,} in a "
            "file, more than any photograph needs. Remove it, or make the image smaller"
        )
    return head + stream.read(MAX_FILE)  # pseudo files of a system state no size


class Limit:
    """The limit for all that an archive holds, by its own size."""

    def __init__(self, path: Path) -> None:
        self._path, self._size = path, path.stat().st_size
        self._most = max(FREE_BYTES, MAX_RATIO * self._size)

    def check(self, size: int) -> None:
        """Raise `StudyError` if the archive holds more than it may."""
        if size > self._most:
            raise StudyError(
                f"{self._path} holds at least {size:,} bytes in a file of {self._size:,}; expected "
                f"at most {self._most:,}, since images can hardly be compressed. If it is what it "
                "should be, unpack it and set dataset.path to the folder"
            )
