"""Limits on how much is read from one file and from a whole archive.

An archive of 10 MB can contain 10 GB of zeros. The limits apply to the sizes that an archive
states, before anything is read, and to what is actually read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

from pipeline.checks import StudyError, in_message

Whole = Callable[[str, bytes], bool]
"""Takes a path and the first `HEAD` bytes; returns whether the rest of the content is needed."""
HEAD = 512
MAX_FILE = 256 << 20
"""The most bytes of one file. The largest raw camera images have some 100 MB."""
FREE_BYTES = 1 << 30
"""Bytes that any archive may contain; they are read in seconds."""
MAX_RATIO = 100
"""The largest compression ratio of an archive with more than `FREE_BYTES`. Photographs have a ratio
of about 1; thumbnails of 32 pixels in a tar.xz, mostly padding, 2 to 7; gzip can reach 1,000."""


def read_content(
    stream: IO[bytes], where: Path, name: str, size: int, whole: Whole | None
) -> bytes:
    """Return the contents of a file, or only the first `HEAD` bytes if no more is needed.

    Args:
        stream: the file, at its beginning.
        where: the folder or archive that contains it.
        name: its path there.
        size: its stated size in bytes; the stream has no more.
        whole: decides which files are read whole; None for all.

    Raises:
        StudyError: if a file to be read whole has more than `MAX_FILE` bytes.
    """
    head = b"" if whole is None else stream.read(HEAD)
    if whole is not None and not whole(name, head):
        return head
    if size > MAX_FILE:
        raise StudyError(
            f"{where}: {in_message(name)} has {size:,} bytes; expected at most {MAX_FILE:,} per "
            "file, more than any photograph needs. Remove it, or make the image smaller"
        )
    return head + stream.read(MAX_FILE)  # pseudo-files of the system state no size


class Limit:
    """The limit on the total contents of an archive, which depends on its own size."""

    def __init__(self, path: Path) -> None:
        self._path, self._size = path, path.stat().st_size
        self._most = max(FREE_BYTES, MAX_RATIO * self._size)

    def check(self, size: int) -> None:
        """Raise `StudyError` if `size`, the bytes found so far, exceeds the limit."""
        if size > self._most:
            raise StudyError(
                f"{self._path} contains at least {size:,} bytes in a file of {self._size:,}; "
                f"expected at most {self._most:,}, because images hardly compress. If you trust "
                "the archive, unpack it and set dataset.path to the folder"
            )
