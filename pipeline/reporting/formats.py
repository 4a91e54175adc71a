"""How numbers and names are written, the same on the page, in the summary and in figures."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

NARROW_SPACE = "\u202f"
MINUS = "\u2212"


def percent(share: float) -> str:
    """Write a share as ``80.1 %``."""
    return f"{share * 100:.1f}{NARROW_SPACE}%"


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
    """Write a number for a program: to six digits, fewer than a table keeps."""
    return f"{value:.6g}"


def duration(seconds: float) -> str:
    """Write seconds as a person says them: ``0.84 s``, ``312 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 600:
        return f"{quantity(seconds) if seconds < 10 else round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is wider than `width` Latin letters."""
    if text_width(text) <= width:
        return text
    head, tail = "", ""
    for left, right in zip(text, reversed(text), strict=True):
        if text_width(head + left + tail) > width - 1:
            break
        head += left
        if text_width(head + right + tail) > width - 1:
            break
        tail = right + tail
    return f"{head}…{tail}"


def beside(name: str, label: str, width: int = 54) -> str:
    """Shorten a name to what a label at the other end of a line of `width` letters leaves."""
    return shorten(name, max(16, width - text_width(label)))


def text_width(text: str) -> int:
    """Count letters, those of the width of a Chinese character twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


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
