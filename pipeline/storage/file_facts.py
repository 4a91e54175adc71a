"""Artifact of `prepare`: what the image files say without their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.storage import strict
from pipeline.storage.files import load_checked_table, save_table
from pipeline.storage.splits import FILE_FACTS, prepared_file

if TYPE_CHECKING:
    import pandas as pd

FILE_FACT_KINDS: dict[str, strict.Column] = {
    "id": "integer", "width": "integer", "height": "integer", "bytes": "integer", "format": "text",
}  # fmt: skip
FILE_FACT_COLUMNS = tuple(FILE_FACT_KINDS)
"""One row per image of any split: its id, the size of the original in pixels, the size of the file
in bytes, and its format. Datasets whose images are not files of their own have no rows."""


@dataclass(frozen=True)
class FileFacts:
    """The header of one image file."""

    width: int
    """In pixels, after the EXIF rotation; 0 if the header cannot be read."""
    height: int
    bytes: int
    format: str
    """As Pillow names it: ``JPEG``, ``PNG``."""


def save_file_facts(table: pd.DataFrame) -> None:
    """Write the table, columns `FILE_FACT_COLUMNS`; call it before `save_dataset_card`."""
    save_table(FILE_FACTS, table[list(FILE_FACT_COLUMNS)])


def load_file_facts() -> pd.DataFrame:
    """Read the table, columns `FILE_FACT_COLUMNS`."""
    path = prepared_file(FILE_FACTS.name)
    return load_checked_table(path, FILE_FACT_KINDS, "dvc repro prepare")
