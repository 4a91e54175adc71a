"""Tables of results and their columns, one record each.

A column's record is the source of the header of the CSV file, of the heading and the explanation
on the page, and of the format of its values there. To add a column, add a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Format = Literal[
    "text", "number", "percent", "points", "count", "quantity", "decimal", "p_value", "yes_no"
]
"""How the page writes a value; `pipeline.page.formats` has a function for each."""


@dataclass(frozen=True)
class Column:
    """One column of a table of results."""

    name: str
    """Its header in the CSV file."""
    meaning: str
    """Its explanation on the page and in the docs, in one or two sentences."""
    title: str = ""
    """Its heading on the page; empty to make one from the name."""
    unit: str = ""
    """Unit of the stored value, such as ``s`` or ``ms per image``; empty for shares and counts."""
    format: Format = "number"
    """How the page writes a value."""
    value: Callable[..., Any] | None = None
    """Computes the value for one row. The arguments are the same for all columns of a table. None
    if the table computes its rows as a whole."""
    shown: bool = False
    """Whether the table on the page includes it, without further markup."""
    metric: bool = False
    """Whether ``metrics.json`` has it too, for ``dvc metrics show``: a number, one per run."""
    optional: bool = False
    """Whether it may be missing from results of earlier versions; it is then empty."""
    otherwise: Callable[[Mapping[str, pd.DataFrame]], Any] | None = None
    """What an optional column holds in results that lack it, computed from all of their tables."""


@dataclass(frozen=True)
class Table:
    """One table of results: ``<name>.csv``."""

    name: str
    meaning: str
    """What the table is about, and what a row is."""
    columns: tuple[Column, ...]
    pictures: Literal["", "enlarged", "thumbnail"] = ""
    """How the images are written that its columns ``id`` and ``image`` name: as PNG, each pixel
    enlarged to a square, or as a small JPEG; empty for a table without pictures."""
    optional: bool = False
    """Whether results of earlier versions may lack it; its section is then left out."""

    @property
    def names(self) -> tuple[str, ...]:
        """The headers, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def text(self) -> tuple[str, ...]:
        """Columns that stay text even if values look like numbers: a class may be called 3."""
        return tuple(column.name for column in self.columns if column.format == "text")
