"""Pictures as part of the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from pipeline.checks import StudyError

_MADE_BY = {"features": "illustrate", "networks": "illustrate_networks"}
"""The first folder of a picture's path -> the stage that writes it, where it is not evaluate."""


@dataclass(frozen=True)
class Picture:
    """A picture with its alt text."""

    image: str
    """Path relative to the report."""
    caption: str


@dataclass(frozen=True)
class Pictures:
    """The pictures of a report, by their paths."""

    folder: Path
    """The report's."""

    def __getitem__(self, path: str) -> str:
        """Return a picture as a data URI.

        Raises:
            StudyError: if it is missing; names the stage that writes it.
        """
        try:
            content = (self.folder / path).read_bytes()
        except FileNotFoundError:
            stage = _MADE_BY.get(path.partition("/")[0], "evaluate")
            raise StudyError(
                f"{self.folder / path} is missing; create it with: dvc repro {stage}"
            ) from None
        kind = "jpeg" if path.endswith(".jpg") else "png"
        return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"

    def size(self, path: str) -> int:
        """Return the bytes of a picture; 0 where it is missing."""
        file = self.folder / path
        return file.stat().st_size if file.exists() else 0
