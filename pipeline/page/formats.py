"""How numbers and names are written, the same on the page, in the summary and in figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipeline.storage.columns import Format

MINUS = "\u2212"


def percent(share: float) -> str:
    """Write a share as ``80.1%``."""
    return f"{share * 100:.1f}%"


def points(difference: float) -> str:
    """Write a difference of shares in percentage points: ``8.3``, ``−0.4``."""
    text = f"{difference * 100:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", MINUS)


def p_value(p: float) -> str:
    """Write ``p < 0.001``, or ``p = 0.012`` with two significant digits."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.2g}"


def quantity(value: float) -> str:
    """Write a positive measurement with about three digits: ``0.0123``, ``4.56``, ``12,345``."""
    if not np.isfinite(value):
        return "–"
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    decimals = int(2 - np.floor(np.log10(abs(value))))
    return f"{value:.{min(decimals, 6)}f}"


def count(value: float) -> str:
    """Write a count: ``61,706``."""
    return f"{round(value):,}"


def digits(value: float) -> str:
    """Write a number for a program, to six digits: fewer than a table keeps."""
    return f"{value:.6g}"


def decimal(value: float) -> str:
    """Write a score with three decimals: ``0.712``."""
    return f"{value:.3f}"


def number(value: float) -> str:
    """Write a number with up to six digits: ``0.25``, ``−3``."""
    return digits(value).replace("-", MINUS)


def yes_no(value: Any) -> str:
    """Write ``yes`` or ``no``."""
    return "yes" if value else "no"


FORMATS: Mapping[Format, Callable[[Any], str]] = {
    "text": str,
    "number": number,
    "percent": percent,
    "points": points,
    "count": count,
    "quantity": quantity,
    "decimal": decimal,
    "p_value": p_value,
    "yes_no": yes_no,
}
"""How the page writes the values of a column, by `Column.format`."""
MISSING = "–"


def formatted(value: Any, format_: Format) -> str:
    """Write the value of a column; a dash where there is none."""
    return MISSING if is_missing(value) else FORMATS[format_](value)


def is_missing(value: Any) -> bool:
    """Return whether a cell of a table is empty."""
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))


def duration(seconds: float) -> str:
    """Write seconds in familiar units: ``0.84 s``, ``312 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 600:
        return f"{quantity(seconds) if seconds < 10 else round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def plain_value(value: Any) -> str:
    """Write an option or a note as words: ``yes``, ``0.25``, ``hog (cell: 8)``, ``1, 2``."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain_value(each) for each in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(_item(key, each) for key, each in value.items()) or "none"
    return str(value)


def _item(key: Any, value: Any) -> str:
    text = plain_value(value)
    return f"{key} ({text})" if isinstance(value, Mapping) else f"{key}: {text}"
