"""What `fetch` leaves: where the images are."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.checks import StudyError
from pipeline.storage import integrity

if TYPE_CHECKING:
    pass
from pipeline.storage.files import load_sealed, save_json

SOURCE = Path("data/source.json")


@dataclass(frozen=True)
class SourceFile:
    """One archive, file or folder that `fetch` found, or what ships with a library."""

    name: str
    """What the dataset calls it, wherever it lies."""
    path: str | None
    """Where it lies, relative to the study's folder; None for bundled images."""
    sha256: str
    """Of the file, or of a folder's sorted file names and contents."""
    size: int
    """In bytes."""

    def located(self) -> Path:
        """Return its path, once it is found to be there still; `fetch` looked some time ago."""
        path = Path(self.path or self.name)
        if not path.exists():
            raise StudyError(f"{path} no longer exists; run: dvc repro --force fetch")
        return path


@dataclass(frozen=True)
class Source:
    """What `fetch` found: the files of a dataset, in the order that the dataset gives them."""

    name: str
    """The dataset's name in the registry."""
    files: tuple[SourceFile, ...]
    """At least one."""
    description: str
    """One line for the report: what the data are and where they are from."""
    hidden: int = 0
    """Hidden files and folders of a folder: passed over, but counted, so `prepare` is to know."""

    @property
    def sha256(self) -> str:
        """That of the file; of several files, that of what ``sha256sum`` prints of them all."""
        if len(self.files) == 1:
            return self.files[0].sha256
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode("utf-8")).hexdigest()

    def file(self, name: str) -> SourceFile:
        """Return the file of a name; KeyError if there is none."""
        return {file.name: file for file in self.files}[name]


def save_source(source: Source) -> None:
    """Write the record of `fetch`."""
    save_json(SOURCE, integrity.seal(asdict(source)))


def load_source() -> Source:
    """Read the record of `fetch`."""
    return load_sealed(Source, SOURCE, "dvc repro fetch")
