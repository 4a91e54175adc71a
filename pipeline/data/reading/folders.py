"""The files in a folder: exactly those that DVC hashes, with an error for anything unreadable.

DVC does not follow links to folders or enter folders that are DVC projects themselves, so a study
would not notice when images there change. It hangs on a FIFO, and fails on a name that is not UTF-8
without showing it. So `check`, which runs before DVC hashes a dataset, looks for all of these, with
the same walk that finds the images.
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
from pipeline.storage.paths import CODE, RESUME, STUDY
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
    CODE,
    SOURCE,
    PREPARED,
    FEATURES,
    INDEX,
    RUNS,
    STUDY,
    RESUME,
    Path(".dvc"),
)
"""What a study creates, relative to its folder."""
_SKIPPED = (".git", ".hg", ".dvc")
"""Folders that DVC skips, and so are skipped here."""


def _remedy_if_missing(path: Path) -> str:
    """Return how to get a missing dataset: from DVC, if DVC tracks it."""
    tracked = path.with_name(f"{path.name}.dvc")
    if tracked.exists():
        return f"DVC tracks it: cd {tracked.resolve().parent} && dvc pull {tracked.name}"
    return f"Paths are relative to {Path.cwd()}"


APART = (
    "expected an archive or a folder of images that does not overlap the study's own folder or "
    "what it creates there, such as data/incoming/mine"
)


def folders_below(path: Path) -> Iterator[str]:
    """Yield the relative paths, as stored on disk, of all folders below one that are not hidden.

    Links are not followed.
    """
    for root, folders, _ in os.walk(path):
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (os.path.relpath(os.path.join(root, name), path) for name in folders)


@dataclass
class Survey:
    """Everything below a folder, including hidden files."""

    files: list[str] = field(default_factory=list)
    """Relative paths of regular files and of links to them."""
    linked_folders: list[str] = field(default_factory=list)
    """Links to folders that are not hidden, with their targets: ``val -> ../other``. They are not
    followed."""
    problems: list[str] = field(default_factory=list)
    """What cannot be read or hashed, and why: ``cat/pipe (a FIFO)``."""


def survey(folder: Path) -> Survey:
    """List everything below a folder without opening a file."""
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
    """Return the sorted relative paths of all files in a folder that are not hidden.

    Args:
        folder: the folder; it may itself be a link.
        linked_folders: whether it may contain links to folders. They are never followed.

    Raises:
        StudyError: if something cannot be read, or is a link to a folder and must not be.
    """
    found = survey(folder)
    if found.problems:
        raise StudyError(
            f"{folder}: these cannot be read: {listing(found.problems)}; expected regular files "
            "and folders. Remove, rename or replace them"
        )
    if found.linked_folders and not linked_folders:
        links = listing(found.linked_folders)
        raise StudyError(
            f"{folder}: found links to folders: {links}; expected folders, because DVC "
            "does not notice when files behind such a link change. Remove links that are second "
            f"names of a class. Replace others with copies: run cp -rL {folder} {folder}-copy and "
            f"set dataset.path to {folder}-copy; or, if all images are behind one link, set "
            "dataset.path to its target"
        )
    return sorted(name for name in found.files if not is_hidden(name))


def check_source(path: Path, linked_folders: bool) -> None:
    """Check ``dataset.path`` before DVC or a stage opens anything there.

    Args:
        path: a file or a folder, or a link to one, relative to the study's folder.
        linked_folders: whether the folder may contain links to folders, because no images are read
            from it.

    Raises:
        StudyError: if nothing is there, or something unreadable, or the study itself.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise StudyError(
            f"dataset.path: there is no {path}{_unless_missing(error)}; expected an archive or a "
            f"folder. {_remedy_if_missing(path)}"
        ) from None
    if overlaps_study(path.resolve()):
        raise StudyError(f"dataset.path: {path} leads to {path.resolve()}; {APART}")
    if stat.S_ISDIR(mode):
        folder_files(path, linked_folders)
    else:
        check_file(path)


def overlaps_study(path: Path) -> bool:
    """Return whether a path, relative to the study's folder, overlaps what the study creates.

    Links are not followed, because paths are checked before the study's folder is the working
    directory.
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
    """Raise `StudyError` unless `path` is a regular file with read permission; open nothing."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise StudyError(
            f"dataset.path: {path} is {_OTHERS.get(stat.S_IFMT(mode), 'not a file')}; expected an "
            "archive or a folder"
        )
    if not os.access(path, os.R_OK):
        raise StudyError(
            f"dataset.path: found no permission to read {path}; expected a readable file. Run: "
            f"chmod u+r {path}"
        )


def _sort(entry: os.DirEntry[str], below: str, found: Survey) -> bool:
    """Add one entry to `found`; return whether it is a folder to enter."""
    name = below + entry.name
    if entry.name in _SKIPPED:
        if entry.name == ".dvc" and not is_hidden(below.rstrip("/") or "."):
            found.problems.append(f"{in_message(name)} (a separate DVC project, which DVC skips)")
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
        return f"a broken link{_unless_missing(error)}"
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return _OTHERS.get(stat.S_IFMT(mode), "not a file")
    return None if os.access(entry.path, os.R_OK) else "no permission to read it"


def _unless_missing(error: OSError) -> str:
    return "" if isinstance(error, FileNotFoundError) else f" ({error.strerror})"
