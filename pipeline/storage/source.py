"""What `fetch` leaves: where the images are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.storage import integrity
from pipeline.storage.files import load_sealed, save_json

SOURCE = Path("data/source.json")


@dataclass(frozen=True)
class Source:
    """What `fetch` found: an archive or a folder, or nothing where images ship with a library."""

    name: str
    """The dataset's name in the registry."""
    path: str | None
    """Where the data lie, relative to the study's folder; None for bundled images."""
    sha256: str
    """Of the archive, or of a folder's sorted file names and contents."""
    size: int
    """In bytes."""
    description: str
    """One line for the report: what the data are and where they are from."""
    hidden: int = 0
    """Hidden files and folders of a folder: passed over, but counted, so `prepare` is to know."""


def save_source(source: Source) -> None:
    """Write the record of `fetch`."""
    save_json(SOURCE, integrity.seal(asdict(source)))


def load_source() -> Source:
    """Read the record of `fetch`."""
    return load_sealed(Source, SOURCE, "dvc repro fetch")
