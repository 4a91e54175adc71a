r"""The one place where a study's texts become safe for charts, SVG, HTML, Markdown and a terminal.

Names of classes, titles and reasons come from outside. They may contain characters that XML does
not allow, that a terminal executes, or that reverse the text after them, and Vega's renderer aborts
at the first of these. Here each is written out (``\x07``) before anything is drawn or written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.checks import escaped
from pipeline.storage.results import Results

_PATHS = "image"
"""The column of paths to pictures, which no page shows."""


def readable(results: Results) -> Results:
    """Return the same results with printable texts.

    Two names that become equal stay two: the later one gets a number.
    """
    texts = _Texts(results)
    return Results(
        {name: texts.table(table) for name, table in results.tables.items()},
        texts.value(results.metrics),
        texts.value(results.study),
    )


def readable_table(table: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return a table of pictures likewise; None for None."""
    if table is None:
        return None
    return _Texts(Results({"": table}, {}, {})).table(table)


def readable_text(text: str) -> str:
    """Write out unprintable characters; line breaks stay."""
    return "\n".join(map(escaped, re.split(r"\r\n|\n|\r", text)))


class _Texts:
    """Text -> the text that is shown, one to one."""

    def __init__(self, results: Results) -> None:
        found = _texts({**results.tables, "": [results.metrics, results.study]})
        self._shown: dict[str, str] = {}
        taken = set(found)
        for text in found:
            plain = shown = readable_text(text)
            number = 2
            while shown != text and shown in taken:
                shown, number = f"{plain} ({number})", number + 1
            taken.add(shown)
            self._shown[text] = shown
        self._changes = any(text != shown for text, shown in self._shown.items())

    def value(self, value: Any) -> Any:
        if not self._changes:
            return value
        if isinstance(value, str):
            return self._shown[value]
        if isinstance(value, Mapping):
            return {self.value(key): self.value(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.value(each) for each in value)
        return value

    def table(self, table: pd.DataFrame) -> pd.DataFrame:
        if not self._changes:
            return table
        columns = {
            str(name): table[name].map(self.value)
            for name in table.select_dtypes(exclude=["number", "bool"])
            if name != _PATHS
        }
        return table.assign(**columns)


def _texts(value: Any) -> dict[str, None]:
    """Collect all texts, keys too, in their order, each once."""
    found: dict[str, None] = {}
    if isinstance(value, str):
        found[value] = None
    elif isinstance(value, pd.DataFrame):
        for name in value.select_dtypes(exclude=["number", "bool"]):
            if name != _PATHS:
                found |= _texts(value[name].unique().tolist())
    elif isinstance(value, Mapping):
        for key, each in value.items():
            found |= _texts(key)
            found |= _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            found |= _texts(each)
    return found
