"""Published files, each with a checksum, in whatever wrapping: a folder, or any archive of it.

What identifies such data is the checksum of each file. An archive that was packed again, a folder
and the official archive are therefore the same data, and are recorded alike. Nothing is unpacked,
changed or moved, and no content is returned before all files have been verified.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.checks import StudyError, in_message, listing
from pipeline.data.reading.archive_limits import read_content
from pipeline.data.reading.archives import read_files
from pipeline.data.reading.download import RemoteFile, downloaded, finished
from pipeline.data.reading.names import is_hidden
from pipeline.data.reading.wrappings import children, wrappings
from pipeline.storage.paths import INCOMING

_SHOWN = 5
"""How many names of other files a message shows."""


@dataclass(frozen=True)
class Published:
    """A dataset as its authors published it."""

    title: str
    """What messages call it."""
    md5: Mapping[str, str]
    """Name of each file -> its published MD5. Two files with the same MD5 can be prepared together,
    but nobody can make another file with the MD5 of a given one."""
    folder: str
    """Name of the folder that contains the files, as in the official archive."""
    archive: RemoteFile | None = None
    """The official archive, for the download; None if the files are published one by one."""
    parts: tuple[RemoteFile, ...] = ()
    """The files, if they are published one by one; the name of each is ``<folder>/<file>``."""
    siblings: Mapping[str, str] = field(default_factory=dict)
    """What belongs to other sets that are easily mixed up with this one: the name or the MD5 of a
    file -> the title of its set."""
    common_names: bool = False
    """Whether other files have such names too, like ``train``: these are not taken for damaged
    ones, unless the folder or the archive has the right name."""

    @property
    def downloads(self) -> tuple[RemoteFile, ...]:
        """What is downloaded: the archive, or each file."""
        return self.parts if self.archive is None else (self.archive,)

    @property
    def official(self) -> str:
        """What a person can get from where, for messages."""
        if self.archive is not None:
            return f"{self.archive.name} from {self.archive.url}"
        return f"the {len(self.parts)} files from {self.parts[0].url.rpartition('/')[0]}"

    def is_official_name(self, path: Path) -> bool:
        """Return whether a path has the name of the official folder or of an archive of it."""
        official = self.archive.name.partition(".")[0] if self.archive else self.folder
        return path.name.partition(".")[0] in (self.folder, official)

    def sibling_of(self, found: _Found) -> str | None:
        """Return the title of the other set that all of the files belong to; None if there is none.

        Args:
            found: what a folder or an archive contains.
        """
        titles = {self.siblings.get(_md5(content)) for content in found.contents.values()}
        return titles.pop() if len(titles) == 1 else None


@dataclass
class _Found:
    """What a folder or an archive contains."""

    contents: dict[str, bytes] = field(default_factory=dict)
    """Name of a published file -> content of its first copy."""
    paths: dict[str, list[str]] = field(default_factory=dict)
    """Name of a published file -> the paths of all its copies."""
    others: list[str] = field(default_factory=list)
    """Paths of the first few other files."""
    named: bool = False
    """Whether any file has the name of a published one, even if its content cannot be read."""

    def add(self, path: str, content: bytes | None) -> None:
        name = path.rpartition("/")[2]
        self.paths.setdefault(name, []).append(path)
        if content is not None:
            self.contents.setdefault(name, content)


def obtain(published: Published, path: Path, may_download: bool) -> dict[str, bytes]:
    """Return the contents of all published files, verified.

    They are looked for in ``data/incoming``, then at `path`, then among finished downloads. In a
    folder, they may be in it, in a folder up to two levels below, or in an archive in it or one
    level below.

    Args:
        published: the files.
        path: a folder or an archive.
        may_download: whether to download the official archive if they are nowhere.

    Raises:
        StudyError: if the first place with any of the files does not contain all of them unchanged,
            each once; if something else has the name of the official folder or archive, or is at a
            `path` other than ``data/incoming``; or if they are nowhere and cannot be downloaded.
    """
    chosen = path != INCOMING and not (path.exists() and _is_same(path, INCOMING))
    for place in (INCOMING, path) if chosen else (INCOMING,):
        for wrapping in wrappings(place, published.md5, published.is_official_name):
            contents = _read(published, wrapping, expected=wrapping == path)
            if contents is not None:
                return contents
    if chosen:
        raise _not_at(path, published)
    if not may_download and not all(finished(each).is_file() for each in published.downloads):
        raise StudyError(
            f"{published.title} is no longer where `fetch` found it: found nothing in {path}. Run: "
            "dvc repro --force fetch"
        )
    paths = [downloaded(each) for each in published.downloads]
    place = paths[0] if published.archive else paths[0].parent
    return _read(published, place, expected=True) or {}


def _is_same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _not_at(path: Path, published: Published) -> StudyError:
    """Return the error for a `path` that a person chose, if the files are not there."""
    names = (child.name for child in children(path))
    or_archive = f"{published.archive.name}, or " if published.archive else ""
    found = f"found no {published.title} in {path} (it contains: {listing(names)})"
    return StudyError(
        f"dataset.path: {found if path.exists() else f'there is no {path}'}; expected "
        f"{or_archive}a folder or an archive that contains {listing(published.md5)}. "
        f"Set dataset.path to where they are, or to {INCOMING} to download them"
    )


def _read(published: Published, wrapping: Path, expected: bool) -> dict[str, bytes] | None:
    """Return the verified contents; None if a wrapping of another name has none of the files.

    Args:
        published: the files.
        wrapping: a folder or an archive.
        expected: whether the files must be there, whatever the wrapping's name.
    """
    expected = expected or published.is_official_name(wrapping)
    found = _Found()
    try:
        _fill(found, published, wrapping)
    except StudyError as error:
        if not expected and (published.common_names or not found.named):
            print(f"{in_message(wrapping)} was not searched for {published.title}: {error}")
            return None
        raise StudyError(f"{error}{_sum_of(wrapping, published)}. {_remedy(published)}") from None
    if not found.paths and not expected:
        return None
    if wrapping == INCOMING or not expected:
        if (other := published.sibling_of(found)) is not None:
            print(f"{in_message(wrapping)} holds {other}, not {published.title}")
            return None
        if published.common_names and not _any_right(found, published):
            print(f"{in_message(wrapping)} holds no file of {published.title}")
            return None
    if problems := _problems(found, published):
        raise StudyError(
            f"{wrapping} is not {published.title} as published: found {'; '.join(problems)}"
            f"{_sum_of(wrapping, published)}. Nothing in it was used or changed. "
            f"{_remedy(published)}"
        )
    print(f"{published.title}: {len(published.md5)} verified files in {in_message(wrapping)}")
    return found.contents


def _fill(found: _Found, published: Published, wrapping: Path) -> None:
    if wrapping.is_dir():
        # Only the folder itself, because anything may be below it, such as images of other studies.
        found.others += [child.name for child in children(wrapping)]
        for name in published.md5:
            if os.path.isfile(wrapping / name):
                with (wrapping / name).open("rb") as stream:
                    size = os.fstat(stream.fileno()).st_size
                    found.add(name, read_content(stream, wrapping, name, size, None))
        return

    def is_wanted(path: str) -> bool:
        name = path.rpartition("/")[2]
        if name in published.md5:
            found.named = True
        elif len(found.others) < _SHOWN and not is_hidden(path):
            found.others.append(path)
        return name in published.md5

    for path, content in read_files(wrapping, is_wanted):
        if path.rpartition("/")[2] in published.md5:  # links are yielded whatever their names
            found.add(path, content)


def _problems(found: _Found, published: Published) -> list[str]:
    """Describe each file that is missing, changed, a link, or there more than once."""
    if not found.paths:
        others = listing(found.others[:_SHOWN]) if found.others else "nothing at all"
        names = [path.rpartition("/")[2] for path in found.others]
        titles = sorted({title for name in names if (title := published.siblings.get(name))})
        belongs = f", which belong to {listing(titles)}" if titles else ""
        return [f"{others}{belongs}; expected {listing(published.md5)}"]
    problems = []
    for name, md5 in published.md5.items():
        paths = found.paths.get(name, [])
        if not paths:
            problems.append(f"no {name}; expected one with the MD5 {md5}")
        elif len(paths) > 1:
            problems.append(f"{name} {len(paths)} times ({listing(paths, 3)}); expected it once")
        elif name not in found.contents:
            problems.append(f"{name} as a link; expected the file, with the MD5 {md5}")
        elif (digest := _md5(found.contents[name])) != md5:
            size, other = len(found.contents[name]), published.siblings.get(digest)
            of = f", which is that of {other}" if other else ""
            problems.append(f"{name} of {size:,} bytes with the MD5 {digest}{of}; expected {md5}")
    return problems


def _sum_of(wrapping: Path, published: Published) -> str:
    """Return the MD5 of a file that has the name of the official archive, for a message."""
    archive = published.archive
    if archive is None or wrapping.name != archive.name or not wrapping.is_file():
        return ""
    with wrapping.open("rb") as stream:
        digest = hashlib.file_digest(stream, _new_md5).hexdigest()
    return f" (MD5 of the archive: {digest}; of the official one: {archive.md5})"


def _remedy(published: Published) -> str:
    what = "that file" if published.archive else "them"
    return f"Replace it with {published.official}, or move it away to download {what}"


def _any_right(found: _Found, published: Published) -> bool:
    return any(_md5(content) == published.md5[name] for name, content in found.contents.items())


def _md5(content: bytes) -> str:
    return _new_md5(content).hexdigest()


def _new_md5(content: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)
