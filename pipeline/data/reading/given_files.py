"""Files that a person gives to be classified: images, folders and archives, one after another.

Unlike a dataset, which must be whole, a folder may hold files that cannot be read: each is kept
with its reason, and the others are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.checks import StudyError, escaped
from pipeline.data.reading.archive_limits import HEAD, read_content
from pipeline.data.reading.archives import is_archive_name, read_files
from pipeline.data.reading.file_kinds import is_read_whole, kind_of
from pipeline.data.reading.folders import survey
from pipeline.data.reading.names import is_hidden

KEEPS_ERROR_TEXTS = True
"""Files that cannot be read are listed with the reason; see `pipeline.fingerprints`."""


class GivenFiles:
    """The images among some files, folders and archives; iterate once, then see what was left out.

    A file that is named itself is always yielded, and so is a folder's file that is an image by its
    content or its name. Hidden files are passed over, and links to folders are not followed.

    Args:
        paths: files, folders and archives (`archives.SUFFIXES`).

    Raises:
        StudyError: when it is made, if one of the paths is not there.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        for path in paths:
            if not path.exists():
                raise StudyError(
                    f"there is no {path} (in {Path.cwd()}); expected an image, a folder of images "
                    "or an archive"
                )
        self.paths = tuple(paths)
        self.problems: list[tuple[str, str]] = []
        """Names and reasons of files that could not be read from the disk."""
        self.others: Counter[str] = Counter()
        """Kinds of files that are no images, such as ``text file``, and how many there were."""

    def __iter__(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield names and contents, in the order of names; None for a link inside an archive."""
        for path in self.paths:
            if path.is_dir():
                yield from self._folder(path)
            elif is_archive_name(path.name):
                yield from self._images(read_files(path, lambda name: True, is_read_whole))
            else:
                yield from self._read(path, str(path), whole=True)

    def _folder(self, folder: Path) -> Iterator[tuple[str, bytes | None]]:
        found = survey(folder)
        self.problems += [(str(folder / problem), "") for problem in found.problems]
        self.others["link to a folder"] += len(found.linked_folders)
        for name in sorted(name for name in found.files if not is_hidden(name)):
            yield from self._images(self._read(folder / name, name))

    def _read(
        self, path: Path, name: str, whole: bool = False
    ) -> Iterator[tuple[str, bytes | None]]:
        try:
            with path.open("rb") as stream:
                size = path.stat().st_size
                wanted = None if whole else is_read_whole
                yield name, read_content(stream, path.parent, path.name, size, wanted)
        except OSError as error:
            self.problems.append((name, error.strerror or type(error).__name__))
        except StudyError as error:
            self.problems.append((name, str(error)))

    def _images(
        self, files: Iterator[tuple[str, bytes | None]]
    ) -> Iterator[tuple[str, bytes | None]]:
        for name, content in files:
            kind = kind_of(name, None if content is None else content[:HEAD])
            if kind.read:
                yield escaped(name), content
            elif kind.image:
                self.problems.append((escaped(name), f"{kind.name}, which is not supported"))
            else:
                self.others[kind.name] += 1
