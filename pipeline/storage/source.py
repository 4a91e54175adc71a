"""The artifact of `fetch`: a record of where the images are."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.checks import StudyError
from pipeline.storage import integrity
from pipeline.storage.files import load_sealed, save_json

SOURCE = Path("data/source.json")


@dataclass(frozen=True)
class SourceFile:
    """One archive, file or folder that `fetch` found, or images that ship with a library."""

    name: str
    """The dataset's name for it, wherever it is."""
    path: str | None
    """Its path relative to the study's folder. None for bundled images, and for a published file,
    which is the same data wherever it is: `prepare` should not rerun because it was moved."""
    sha256: str
    """SHA-256 of the file, or of a folder's sorted file names and contents."""
    size: int
    """In bytes."""

    def located(self) -> Path:
        """Return its path after checking that it still exists."""
        path = Path(self.path or self.name)
        if not path.exists():
            raise StudyError(f"{path} no longer exists; run: dvc repro --force fetch")
        return path


@dataclass(frozen=True)
class Source:
    """What `fetch` found: the files of a dataset, in the dataset's order."""

    name: str
    """The dataset's name in the registry."""
    files: tuple[SourceFile, ...]
    """At least one."""
    description: str
    """One line for the report: what the data are and where they come from."""
    hidden: int = 0
    """Hidden files and folders that were skipped; `prepare` reports their number."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the file; of several files, that of the output of ``sha256sum`` for them."""
        if len(self.files) == 1:
            return self.files[0].sha256
        lines = "".join(f"{file.sha256}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode("utf-8")).hexdigest()

    def file(self, name: str) -> SourceFile:
        """Return the file with a name; KeyError if there is none."""
        return {file.name: file for file in self.files}[name]


def save_source(source: Source) -> None:
    """Write the record of `fetch`."""
    save_json(SOURCE, integrity.seal(asdict(source)))


def load_source() -> Source:
    """Read the record of `fetch`."""
    return load_sealed(Source, SOURCE, "dvc repro fetch")
