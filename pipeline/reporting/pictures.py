"""Pictures as part of the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.checks import StudyError
from pipeline.storage.results import Results

_MADE_BY = {"features": "illustrate", "networks": "illustrate_networks"}
"""The first folder of a picture's path -> the stage that writes it, where it is not evaluate."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of a report, by their paths."""

    folder: Path
    """The report's."""

    def __getitem__(self, path: str) -> str:
        """Return a picture as data URI.

        Raises:
            StudyError: if it is missing; names the stage that writes it.
        """
        try:
            content = (self.folder / path).read_bytes()
        except FileNotFoundError:
            stage = _MADE_BY.get(path.partition("/")[0], "evaluate")
            raise StudyError(
                f"there is no {self.folder / path}; make it with: dvc repro {stage}"
            ) from None
        kind = "jpeg" if path.endswith(".jpg") else "png"
        return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"

    def sizes(self, results: Results) -> Mapping[str, int]:
        """Return path -> bytes of the pictures behind the cells of confusion matrices."""
        table = results.tables.get("confusion_images")
        if table is None:
            return {}
        paths = {str(path): self.folder / str(path) for path in table["image"].unique()}
        return {path: file.stat().st_size for path, file in paths.items() if file.exists()}
