"""The sections of the page: each question of the study in its place, by the order list.

A question is found by its name alone, so that a new one is a folder and a line in the list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.page.rendering import Drawing, Placed, placed
from pipeline.page.study import StudyResults
from pipeline.page.view import View

PACKAGE = "pipeline.analyses"
"""The package of the questions; its module ``order`` lists them in `ORDER`."""

COMPUTED_IMPORTS = (
    "pipeline.analyses.order",
    "pipeline.analyses.*.view",
    "pipeline.analyses.*.chart",
)
FILES_READ = (
    "../analyses/*/*.html",
    "../analyses/*/*.css",
    "../analyses/*/*.js",
    "../analyses/*/*.md",
)
"""What the page takes from the questions; see `pipeline.fingerprints`."""


@dataclass(frozen=True)
class Section:
    """One question as the page shows it."""

    name: str
    """The question's folder."""
    title: str
    view: View
    draw: Callable[[Any], list[Drawing]]
    """Draws the view."""
    folder: Path

    @property
    def anchor(self) -> str:
        """The id of its heading."""
        return self.name.replace("_", "-")

    @cached_property
    def drawings(self) -> list[Drawing]:
        """All charts of the question."""
        return self.draw(self.view)

    @cached_property
    def charts(self) -> Mapping[str, list[Placed]]:
        """Place -> the charts that the page shows there."""
        found: dict[str, list[Placed]] = defaultdict(list)  # a place without a chart is empty
        for drawing in self.drawings:
            if drawing.place:
                found[drawing.place].append(placed(drawing))
        return found

    def has(self, file: str) -> bool:
        """Return whether the question's folder has a file of this name."""
        return (self.folder / file).exists()

    def text(self, file: str) -> str:
        """Return the text of such a file; empty without it."""
        return (self.folder / file).read_text(encoding="utf-8") if self.has(file) else ""


@dataclass(frozen=True)
class Sections:
    """What the page shows, and what it lacks."""

    present: tuple[Section, ...]
    absent: Mapping[str, str]
    """Title of what the study has no data for -> what to edit."""
    templates: Path
    """The folder that holds the questions' folders."""


def sections(study: StudyResults, package: str = PACKAGE) -> Sections:
    """Ask every question of the order list, in its order."""
    present: list[Section] = []
    absent: dict[str, str] = {}
    root = _folder(package)
    for name in import_module(f"{package}.order").ORDER:
        module = import_module(f"{package}.{name}.view")
        view = module.view(study)
        if view is not None:
            draw = _draw(f"{package}.{name}.chart")
            present.append(Section(name, module.TITLE, view, draw, root / name))
            absent |= view.absent
        elif module.ABSENT:
            absent[module.TITLE] = module.ABSENT
    return Sections(tuple(present), absent, root)


def _draw(module: str) -> Callable[[Any], list[Drawing]]:
    if find_spec(module) is None:
        return lambda view: []
    draw: Callable[[Any], list[Drawing]] = import_module(module).draw
    return draw


def _folder(package: str) -> Path:
    return Path(next(iter(import_module(package).__path__)))
