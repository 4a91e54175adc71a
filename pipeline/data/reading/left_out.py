"""Files in a folder or archive that are not among the images of a study, counted by kind."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.checks import StudyError, escaped, listing
from pipeline.data.reading import archives
from pipeline.data.reading.archive_limits import HEAD
from pipeline.data.reading.file_kinds import LINK, kind_of
from pipeline.data.reading.folders import folders_below
from pipeline.data.reading.layout import Placed
from pipeline.data.reading.names import is_hidden, normalized

EXAMPLES = 5
"""Names that are kept of each kind."""
HIDDEN = "hidden or system file"


class Others:
    """Files that are not decoded: other files, and images in unsupported formats.

    Args:
        path: the folder or archive that is read.
    """

    def __init__(self, path: Path) -> None:
        self.problems: dict[str, str] = {}
        """Image -> why it is not read."""
        self._kinds: dict[str, set[str]] = defaultdict(set)
        self._kinds[HIDDEN] |= set(hidden_paths(path) if path.is_dir() else ())

    @property
    def names(self) -> list[str]:
        """All files except hidden ones and those in `problems`."""
        return [name for kind, names in self._kinds.items() if kind != HIDDEN for name in names]

    def shown(self, name: str) -> bool:
        """Return whether a file is not hidden, and count it if it is."""
        if not is_hidden(name):
            return True
        above = [*reversed(PurePosixPath(name).parents), PurePosixPath(name)]
        self._kinds[HIDDEN].add(str(next(p for p in above if is_hidden(p.as_posix()))))
        return False

    def filtered(self, files: Iterable[archives.File]) -> Iterator[archives.File]:
        """Yield the files to decode, and record the others."""
        for name, content in files:
            kind = kind_of(name, None if content is None else content[:HEAD])
            if kind.read:
                yield name, content
            elif kind.image:
                self.problems[name] = f"{kind.name}, an unsupported format"
            else:
                self._kinds[kind.name].add(name)

    @property
    def links(self) -> list[str]:
        """Links inside an archive that do not have the name of an image."""
        return sorted(self._kinds.get(LINK, ()))

    def records(self) -> tuple[dict[str, Any], ...]:
        """Return an entry of a card's `left_out` for each kind, the most common first."""
        found = [record(kind, names) for kind, names in self._kinds.items() if names]
        return tuple(sorted(found, key=lambda each: (-each["count"], each["what"])))


def record(what: str, names: Iterable[str]) -> dict[str, Any]:
    """Return one entry of a card's `left_out`: ``what``, ``count`` and the first ``names``.

    Args:
        what: the kind, in the singular: ``text file``, ``class with fewer than 3 images``.
        names: what is left out.
    """
    ordered = sorted(map(escaped, names))
    if len(ordered) > 1:
        noun, *rest = what.partition(" with ")
        what = noun + ("es" if noun.endswith("s") else "s") + "".join(rest)
    return {"what": what, "count": len(ordered), "names": ordered[:EXAMPLES]}


def hidden_paths(folder: Path) -> list[str]:
    """Return the hidden and system files and folders below a folder, without their contents."""
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        base = Path(root).relative_to(folder)
        hidden = [name for name in (*folders, *files) if is_hidden(name)]
        found += [(base / name).as_posix() for name in hidden]
        folders[:] = [name for name in folders if not is_hidden(name)]
    return sorted(found)


def check_links(placed: Placed, links: Iterable[str], path: Path) -> None:
    """Check that no link stands for the folder of a split or class, whose images are not read.

    Args:
        placed: the images that were read.
        links: the links inside the archive.
        path: the archive.

    Raises:
        StudyError: if there are links outside class folders, where they cannot stand for an image.
    """
    classes = {PurePosixPath(name).parent for name in placed}
    found = [name for name in links if PurePosixPath(name).parent not in classes]
    if found:
        raise StudyError(
            f"{path}: found links where folders are expected: {listing(found)}. Links inside an "
            "archive cannot be followed. Pack the folders instead (tar --dereference), or remove "
            "the links"
        )


def check_folders(
    placed: Placed, others: Collection[str], wanted: Collection[str] | None, path: Path
) -> None:
    """Check that no class disappears because none of its files is readable.

    Args:
        placed: the images that were read.
        others: the other files.
        wanted: the classes to use; None for all.
        path: the folder or archive.

    Raises:
        StudyError: if there are folders next to the class folders without any readable image.
    """
    classes = {PurePosixPath(name).parent for name in placed}
    around = {folder.parent for folder in classes}
    found = {folder for name in others for folder in PurePosixPath(name).parents}
    if path.is_dir():  # here empty folders exist too, which no file's path mentions
        found |= {PurePosixPath(normalized(folder)) for folder in folders_below(path)}
    used = classes | {above for folder in classes for above in folder.parents}
    empty = sorted(
        folder.as_posix()
        for folder in found - used
        if folder.parent in around and (wanted is None or folder.name in wanted)
    )
    if empty:
        known = listing(sorted({folder.name for folder in classes}))
        raise StudyError(
            f"{path}: found no readable image in the class folder"
            f"{'s' if len(empty) > 1 else ''} {listing(empty)}; expected at least one in each. Add "
            f"images, move the folder elsewhere, or list the classes to use: dataset.classes: "
            f"[{known}]"
        )
