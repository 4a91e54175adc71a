"""Names of files in a dataset: each unique, in one spelling, and valid text.

A name comes from a disk or an archive that somebody else made. It becomes a class, a table row and
a chart label, so it is checked and normalized here, before any other code uses it.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from pipeline.checks import StudyError, escaped, in_message, is_unsafe

MAX_DEPTH = 40
"""The most folders above a file. A layout needs three and some around them; thousands are a
mistake, or an attack on programs that walk folders recursively."""
_SYSTEM_FILES = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini")
"""In lower case; Windows writes some of them in several ways."""


def is_hidden(name: str) -> bool:
    """Return whether a path is hidden, or one that operating systems leave behind."""
    parts = name.split("/")
    return any(
        p.lower() in _SYSTEM_FILES or (p.startswith(".") and p not in (".", "..")) for p in parts
    )


def normalized(raw: str) -> str:
    """Return a path made relative, with single slashes, in Unicode's composed form (NFC).

    An é can be one character, or an e and an accent: macOS writes two, most other systems one.
    """
    return unicodedata.normalize("NFC", PurePosixPath(raw).as_posix().lstrip("/"))


def is_text(name: str) -> bool:
    """Return whether a name can be encoded as UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class Names:
    """Checks the names of a dataset's files, each of which must be unique."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._taken: dict[str, str] = {}

    def take(self, raw: str) -> str:
        """Return a file's name, normalized, with control characters in its last part escaped.

        Args:
            raw: the path with forward slashes, as on the disk or in the archive.

        Raises:
            StudyError: if it is not UTF-8, leads out of the dataset, is nested too deep, has a
                control character in the name of a folder, or repeats an earlier one.
        """
        name = normalized(raw)
        if problem := _problem(name):
            raise StudyError(f"{self._where}: found {in_message(raw)}, {problem}")
        folders, slash, last = name.rpartition("/")
        name = folders + slash + escaped(last)
        if name in self._taken:
            first = self._taken[name]
            other = "twice" if first == raw else f"and {in_message(first)}, which are the same name"
            raise StudyError(
                f"{self._where}: found {in_message(raw)} {other}; expected each file once. Remove "
                "or rename one of them"
            )
        self._taken[name] = raw
        return name


def _problem(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    if not is_text(name):
        return (
            "a name that is not UTF-8; expected names in UTF-8. Rename the file or folder (for an "
            "archive: unpack it, rename, and set dataset.path to the folder)"
        )
    if not parts or ".." in parts:
        return (
            "a path that leads out of the dataset; expected <folder>/<image>. Repack the archive "
            "with relative paths"
        )
    if len(parts) > MAX_DEPTH:
        return (
            f"in {len(parts) - 1:,} folders; expected at most {MAX_DEPTH}. Set dataset.path to the "
            "folder that contains the classes, or move them up"
        )
    if any(map(is_unsafe, "".join(parts[:-1]))):
        return (
            "a folder with a control character or an invisible one in its name; expected "
            "printable names, because they become classes. Rename the folder"
        )
    return None
