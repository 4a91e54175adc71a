"""Generic tables: headings, explanations, formats and sorting come from the columns' records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import MISSING, digits, formatted, is_missing
from pipeline.storage.columns import Column, Table

_TEXTS = ("text", "yes_no")
_UNITS = {"points": "points"}
"""Format -> the unit under the heading, where the column names none."""
_ENDS = {"ci_low": "95% interval, low", "ci_high": "95% interval, high"}
"""How the names of the two ends of an interval end -> the heading, where the column names none."""


@dataclass(frozen=True)
class Heading:
    """The head of a column on the page."""

    title: str
    unit: str
    meaning: str
    """The explanation: a tooltip, and a line of the legend below the table."""
    is_text: bool
    descending: bool
    """Whether the first click sorts the largest value to the top."""


@dataclass(frozen=True)
class Cell:
    """One cell."""

    text: str
    value: str | None
    """The number that the column is sorted by; None where it is sorted as text."""
    is_text: bool
    note: str = ""
    """A smaller line below, such as an interval."""


@dataclass(frozen=True)
class RunRow:
    """The row of a run."""

    run: str
    family: str
    cells: Mapping[str, Cell]
    """Column -> cell."""


@dataclass(frozen=True)
class RunsTable:
    """A table with one row per run, for the macro of this name."""

    headings: Mapping[str, Heading]
    """Column -> its head, beside that of the run."""
    rows: tuple[RunRow, ...]


def heading(column: Column) -> Heading:
    """Return the head of a column."""
    return Heading(
        title=column.title or _title_of(column.name),
        unit=column.unit or _UNITS.get(column.format, ""),
        meaning=column.meaning,
        is_text=column.format in _TEXTS,
        descending=column.format in ("percent", "decimal"),
    )


def _title_of(name: str) -> str:
    ends = (title for end, title in _ENDS.items() if name.endswith(end))
    spaced = name.replace("_", " ")
    return next(ends, spaced[:1].upper() + spaced[1:])


def cell(column: Column, row: Mapping[Any, Any], interval: tuple[str, str] | None = None) -> Cell:
    """Write one value.

    Args:
        column: its record.
        row: column name -> value.
        interval: the columns of the lower and the upper end of its interval.
    """
    value: Any = row.get(column.name)
    is_text = column.format in _TEXTS
    number = "" if is_text or is_missing(value) else digits(float(value))
    ends = [formatted(row.get(name), column.format) for name in interval or ()]
    return Cell(
        text=formatted(value, column.format),
        value=None if is_text else number,
        is_text=is_text,
        note=" to ".join(ends) if ends and MISSING not in ends else "",
    )


def runs_table(
    columns: Sequence[Column],
    rows: Iterable[Mapping[Any, Any]],
    intervals: Mapping[str, tuple[str, str]] | None = None,
) -> RunsTable:
    """Write a table with one row per run.

    Args:
        columns: those that are shown beside the run.
        rows: column name -> value, with `run` and `family`.
        intervals: column name -> the columns of the ends of its interval.
    """
    ends = intervals or {}
    return RunsTable(
        {column.name: heading(column) for column in columns},
        tuple(
            RunRow(
                str(row["run"]),
                str(row["family"]),
                {each.name: cell(each, row, ends.get(each.name)) for each in columns},
            )
            for row in rows
        ),
    )


def shown(columns: Iterable[Column], rows: pd.DataFrame) -> list[Column]:
    """Return the columns that the page shows: those marked as such that have any value."""
    return [
        column
        for column in columns
        if column.shown and column.name in rows and not rows[column.name].map(is_missing).all()
    ]


def columns_of(tables: Sequence[Table], name: str) -> Mapping[str, Column]:
    """Return the columns of a table by their names.

    Raises:
        KeyError: without such a table.
    """
    (table,) = [each for each in tables if each.name == name]
    return {column.name: column for column in table.columns}
