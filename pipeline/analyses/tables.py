"""The tables of all questions. Each folder with a ``table.py`` is found; no list is kept by hand.

A ``table.py`` has the records of its tables, ``TABLES``; ``compute(study)``, which returns their
rows by their names; and, where ``study.json`` says something of it, ``record(study)``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

import pandas as pd

from pipeline.analyses.study import Study
from pipeline.storage import results
from pipeline.storage.columns import Table
from pipeline.storage.paths import STUDY
from pipeline.storage.results import Results

COMPUTED_IMPORTS = ("pipeline.analyses.*.table",)
"""What is imported here by a computed name: an edit of one of these modules is one of this code."""
_HERE = Path(__file__).parent


class Question(Protocol):
    """The module ``table.py`` of a question."""

    TABLES: tuple[Table, ...]

    def compute(self, study: Study) -> dict[str, pd.DataFrame]:
        """Return the rows of its tables, by their names."""


def questions() -> list[Question]:
    """Import the modules ``table.py`` of all questions, in the order of their names."""
    names = sorted(path.parent.name for path in _HERE.glob("*/table.py"))
    return [
        cast(Question, importlib.import_module(f"{__package__}.{name}.table")) for name in names
    ]


def tables() -> list[Table]:
    """Return the records of all tables."""
    return [table for question in questions() for table in question.TABLES]


def save_results(found: Results, folder: Path = STUDY) -> None:
    """Write the results of a study into its folder."""
    results.save_results(found, tables(), folder)


def load_results(folder: Path = STUDY) -> Results:
    """Read the results of a study from its folder, of this version or an earlier one."""
    return results.load_results(tables(), folder)
