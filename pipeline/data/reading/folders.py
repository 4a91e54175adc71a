"""The files of a folder: what is read there is what DVC hashes, and what neither can read is named.

DVC looks neither behind a link to a folder nor into a folder that is a DVC project of its own, so
a study would not notice when images there change. It waits forever at a FIFO, and stops at a name
that is not UTF-8 without showing it. So `check`, which runs before DVC hashes a dataset, looks for
all of that, with the walk that also finds the images.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.checks import StudyError, in_message, listing
from pipeline.data.reading.names import MAX_DEPTH, is_hidden, is_text
from pipeline.storage.features import FEATURES, INDEX
from pipeline.storage.paths import CHECKED, RESUME, STUDY
from pipeline.storage.runs import RUNS
from pipeline.storage.source import SOURCE
from pipeline.storage.splits import PREPARED

_OTHERS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_OWN = (
    CHECKED,
    SOURCE,
    PREPARED,
    FEATURES,
    INDEX,
    RUNS,
    STUDY,
    RESUME,
    Path(".dvc"),
)
"""What a study makes, relative to its folder."""
_PASSED_OVER = (".git", ".hg", ".dvc")
"""Folders that DVC passes over; so are they here."""


def _way_to(path: Path) -> str:
    """Say how a missing dataset is had: from DVC, where it tracks it."""
    tracked = path.with_name(f"{path.name}.dvc")
    if tracked.exists():
        return f"DVC tracks it: cd {tracked.resolve().parent} && dvc pull {tracked.name}"
    return f"Paths are relative to {Path.cwd()}"


APART = (
    "expected an archive or a folder of images, apart from the study's own folder and from what it "
    "makes there, such as data/incoming/mine"
)


def folders_below(path: Path) -> Iterator[str]:
    """Give the relative paths of the folders below a folder, as the disk has them; hidden ones not.

    Links are not followed.
    """
    for root, folders, _ in os.walk(path):
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (os.path.relpath(os.path.join(root, name), path) for name in folders)


@dataclass
class Survey:
    """What lies below a folder, hidden files too."""

    files: list[str] = field(default_factory=list)
    """Relative paths of regular files, and of links to such."""
    linked_folders: list[str] = field(default_factory=list)
    """Links to folders that are not hidden, with where they lead: ``val -> ../other``. They are
    not followed."""
    problems: list[str] = field(default_factory=list)
    """What can be neither read nor hashed, and why: ``cat/pipe (a FIFO)``."""


def survey(folder: Path) -> Survey:
    """Look at everything below a folder without opening a file."""
    found = Survey()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.problems.append(f"{in_message(below or '.')} ({error.strerror})")
            continue
        waiting += [f"{below}{child.name}/" for child in children if _sort(child, below, found)]
    return found


def folder_files(folder: Path, linked_folders: bool = False) -> list[str]:
    """Return the sorted relative paths of all files of a folder that are not hidden.

    Args:
        folder: the folder; it may be a link itself.
        linked_folders: whether links to folders may lie in it. They are never followed.

    Raises:
        StudyError: naming what cannot be read, and links to folders that may not be there.
    """
    found = survey(folder)
    if found.problems:
        raise StudyError(
            f"{folder}: found what cannot be read: {listing(found.problems)}; expected regular "
            "files, and folders. Remove, rename or replace what is named"
        )
    if found.linked_folders and not linked_folders:
        links = listing(found.linked_folders)
        raise StudyError(
            f"{folder}: found links to folders: {links}; expected folders, because DVC "
            "does not notice when files behind such a link change. Remove links that are second "
            "names of a class. Replace others by copies, with: "
            f"cp -rL {folder} {folder}-copy, and set dataset.path to {folder}-copy; or set "
            "dataset.path to where a link leads, if all images lie there"
        )
    return sorted(name for name in found.files if not is_hidden(name))


def check_source(path: Path, linked_folders: bool) -> None:
    """Look at ``dataset.path`` before DVC or a stage opens anything there.

    Args:
        path: a file or a folder, or a link to one, relative to the study's folder.
        linked_folders: whether links to folders may lie in the folder, if no folder is read.

    Raises:
        StudyError: if there is nothing, or what cannot be read, or the study itself.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise StudyError(
            f"dataset.path: there is no {path}{_unless_missing(error)}; expected an archive or a "
            f"folder. {_way_to(path)}"
        ) from None
    if holds_study(path.resolve()):
        raise StudyError(f"dataset.path: {path} leads to {path.resolve()}; {APART}")
    if stat.S_ISDIR(mode):
        folder_files(path, linked_folders)
    else:
        check_file(path)


def holds_study(path: Path) -> bool:
    """Say whether a path, relative to the study's folder, leads to what the study makes itself.

    Links are not followed: a path is looked at before the study's folder is the working directory.
    """
    place = Path(os.path.normpath(path))
    if place.is_absolute():
        if Path.cwd().is_relative_to(place):
            return True
        if not place.is_relative_to(Path.cwd()):
            return False
        place = place.relative_to(Path.cwd())
    if set(place.parts) <= {".."}:
        return True
    return any(own.is_relative_to(place) or place.is_relative_to(own) for own in _OWN)


def check_file(path: Path) -> None:
    """Raise `StudyError` unless a path is that of a regular file that may be read; open nothing."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise StudyError(
            f"dataset.path: {path} is {_OTHERS.get(stat.S_IFMT(mode), 'no file')}; expected an "
            "archive or a folder"
        )
    if not os.access(path, os.R_OK):
        raise StudyError(
            f"dataset.path: {path} may not be read; expected a file with permission to read it: "
            f"chmod u+r {path}"
        )


def _sort(entry: os.DirEntry[str], below: str, found: Survey) -> bool:
    """Put one entry where it belongs; say whether it is a folder to look into."""
    name = below + entry.name
    if entry.name in _PASSED_OVER:
        if entry.name == ".dvc" and not is_hidden(below.rstrip("/") or "."):
            found.problems.append(
                f"{in_message(name)} (a DVC project of its own, which DVC passes over)"
            )
        return False
    problem = _problem(entry, name)
    if problem:
        found.problems.append(f"{in_message(name)} ({problem})")
        return False
    if entry.is_dir(follow_symlinks=False):
        return True
    if entry.is_dir():
        if not is_hidden(name):
            found.linked_folders.append(f"{name} -> {os.readlink(entry.path)}")
    else:
        found.files.append(name)
    return False


def _problem(entry: os.DirEntry[str], name: str) -> str | None:
    if not is_text(entry.name):
        return "a name that is not UTF-8"
    if name.count("/") > MAX_DEPTH:
        return f"more than {MAX_DEPTH} folders deep"
    if entry.is_dir(follow_symlinks=False):
        return None
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return f"a link that leads nowhere{_unless_missing(error)}"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return _OTHERS.get(stat.S_IFMT(mode), "no file")
    return None if os.access(entry.path, os.R_OK) else "no permission to read it"


def _unless_missing(error: OSError) -> str:
    return "" if isinstance(error, FileNotFoundError) else f" ({error.strerror})"
