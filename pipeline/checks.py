"""Checks of what enters the pipeline, with one style of error message.

Every message says what was found, what was expected and what to do about it. A `StudyError` is
for problems that the person who runs the study can cause and fix, and is shown without a
traceback. Any other exception is a bug in the project and keeps its traceback.

Names from outside (files, classes) can contain control characters, which a terminal obeys. A
`StudyError` escapes them; `escaped` and `in_message` do the same for names shown elsewhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST_MESSAGE = 2000
"""Characters in an error message."""
_LONGEST_VALUE = 120
_LONGEST_NAME = 60
"""Names in this project are shorter, so anything longer is not a misspelling of one."""
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: control and format characters, surrogates, line and paragraph separators."""
_JOINERS = "\u200c\u200d"
"""Zero-width characters that are part of words in Persian and Hindi, and of emoji."""


class StudyError(ValueError):
    """A problem that the person who runs the study can fix.

    A message often quotes what was found, which can be arbitrarily long and contain anything; the
    text is escaped, and never longer than a page.
    """

    def __str__(self) -> str:
        """Return the message, escaped and shortened."""
        return shortened("\n".join(map(escaped, super().__str__().split("\n"))))


def shortened(message: str, most: int = LONGEST_MESSAGE) -> str:
    """Cut a message of more than `most` characters, and say how much was left out.

    The cut is at the end of a line if that keeps at least half of what fits.
    """
    if len(message) <= most:
        return message
    kept = message[: most - 60]
    lines = kept.rfind("\n")
    if lines > len(kept) // 2:
        kept = kept[:lines]
    rest = message[len(kept) :]
    count = f"{len(rest):,} more characters"
    if kept.count("\n") and rest.count("\n") > 1:
        return f"{kept}\n  ... ({count}, in {rest.count(chr(10)):,} lines)"
    return f"{kept} ... ({count})"


def shown(value: object) -> str:
    """Return a value as a message quotes it: its `repr`, shortened if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of more than a few thousand digits
        return "a number too long to show"
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}... ({len(text) - _LONGEST_VALUE:,} more characters)"


class ShortageError(StudyError):
    """Too little memory or disk space, raised by code that knows what would need less."""


def is_unsafe(character: str) -> bool:
    """Return whether a character must be escaped before it reaches a terminal, a chart or a page.

    These are control characters, invisible ones, those that reverse the direction of text, halves
    of a surrogate pair, and Unicode's noncharacters.
    """
    if unicodedata.category(character) in _UNSAFE:
        return character not in _JOINERS
    code = ord(character)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def escaped(text: str) -> str:
    r"""Return a text with its unsafe characters written out: ``\x1b``, ``\u202e``.

    A byte of a file name that is not valid UTF-8, which Python represents as half a surrogate
    pair, is written as that byte: ``caf\xe9``.
    """
    if text.isprintable():
        return text
    return "".join(_escape(character) if is_unsafe(character) else character for character in text)


def in_message(name: object) -> str:
    """Return a name from outside as a message shows it: escaped, and shortened if it is long."""
    return shortened(escaped(str(name)), 2 * _LONGEST_NAME)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte encoded by the error handler "surrogateescape"
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def listing(names: Iterable[object], limit: int = 12) -> str:
    """Join names for a message: ``a, b, c``, or ``a, b, ... (40 in all)`` beyond `limit`.

    Names are escaped, and long ones are shortened.
    """
    texts = [in_message(name) for name in names]
    if not texts:
        return "none"
    if len(texts) <= limit:
        return ", ".join(texts)
    return f"{', '.join(texts[:limit])}, ... ({len(texts)} in all)"


def counted(groups: Iterable[Mapping[str, Any]]) -> str:
    """Write what is left out: ``3 text files (a.txt, b.txt, ...), 1 video (d.mp4)``.

    Args:
        groups: mappings with ``what``, ``count``, and the first few ``names``.
    """
    return ", ".join(
        f"{each['count']:,} {each['what']} ({', '.join(each['names'])}"
        f"{', ...' if each['count'] > len(each['names']) else ''})"
        for each in groups
    )


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or an empty string.

    Two names are near if they differ by typing errors (at most three letters in ten added, omitted,
    replaced or swapped), or if one is the beginning of the other: ``testing`` and ``test``. A
    shared word is not enough: ``class_weight`` is not a misspelling of ``weights``.
    """
    if not 1 < len(found) <= _LONGEST_NAME:
        return ""
    distances = {name: _distance(found.casefold(), name.casefold()) for name in known}
    nearest = min(distances, key=distances.__getitem__, default="")
    return f"; did you mean {nearest!r}?" if nearest and distances[nearest] < 1 else ""


def _distance(a: str, b: str) -> float:
    """Return the distance between two names as a fraction of the longer one; 1 is too far."""
    shorter, longer = sorted((a, b), key=len)
    begins = longer.startswith(shorter)
    # One letter in two proves nothing: lr is not l1. But lo is the beginning of low.
    if len(longer) > _LONGEST_NAME or (len(shorter) < 3 and not begins):
        return 1.0
    most = max(1, int(0.3 * len(longer)))
    added = len(longer) - len(shorter)
    if added > most:
        return 0.5 if begins and len(shorter) > 3 else 1.0
    slips = _slips(a, b)
    return slips / len(longer) if slips <= most else 1.0


def _slips(a: str, b: str) -> int:
    """Count the letters added, omitted, replaced or swapped with a neighbor between two names.

    This is the optimal string alignment distance (Damerau, Levenshtein), computed row by row.
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        before, last, row = row, before, [i]
        for j, other in enumerate(b, start=1):
            slips = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                slips = min(slips, last[j - 2] + 1)
            row.append(slips)
    return row[-1]


def check_known(found: str, known: Sequence[str], what: str) -> None:
    """Raise `StudyError` unless `found` is one of the `known` names of `what`."""
    if found not in known:
        hint = did_you_mean(found, known) or ";"
        raise StudyError(f"unknown {what} {shown(found)}{hint} known: {listing(sorted(known), 40)}")


def check_images(images: NDArray, what: str = "images") -> None:
    """Raise `StudyError` unless `images` is (n, height, width, 3) uint8, RGB, and not empty.

    Gray images are (n, height, width, 1).
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != np.uint8:
        raise StudyError(
            f"{what}: found an array of shape {images.shape} and dtype {images.dtype}; "
            "expected (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray"
        )
    if images.shape[0] == 0:
        raise StudyError(f"{what}: found no images; expected at least one")


def check_labels(labels: NDArray, n_images: int, n_classes: int, what: str = "labels") -> None:
    """Raise `StudyError` unless `labels` is (n_images,) integers in [0, n_classes)."""
    if labels.shape != (n_images,):
        raise StudyError(
            f"{what}: found shape {labels.shape}; expected ({n_images},), one label per image"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise StudyError(f"{what}: found dtype {labels.dtype}; expected integers")
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise StudyError(
            f"{what}: found values from {labels.min()} to {labels.max()}; "
            f"expected 0 to {n_classes - 1} for {n_classes} classes"
        )


def check_finite(values: NDArray, what: str) -> None:
    """Raise `StudyError` if a two-dimensional float array contains NaN or infinity.

    Rows are checked in blocks, so that a memory-mapped array is never loaded whole.
    """
    for start in range(0, len(values), 8192):
        bad = ~np.isfinite(values[start : start + 8192])
        if bad.any():
            row, column = (int(index) for index in np.argwhere(bad)[0])
            raise StudyError(
                f"{what}: found {values[start + row][column]} in row {start + row}, column "
                f"{column}; expected finite numbers. Check the extractor that computed it, or "
                "that image"
            )


def check_paired(found: NDArray, expected: NDArray, what: str, remedy: str) -> None:
    """Raise `StudyError` unless two arrays contain the same image ids in the same order.

    Args:
        found: (n,) integer ids that came with some predictions.
        expected: (m,) integer ids of the split that they should belong to.
        what: the owner of `found`, for the message.
        remedy: the command that repairs it.
    """
    if found.shape != expected.shape:
        raise StudyError(
            f"{what}: found {len(found)} images; expected the {len(expected)} of this split. "
            f"Repair it with: {remedy}"
        )
    differing = np.flatnonzero(found != expected)
    if differing.size:
        first = int(differing[0])
        raise StudyError(
            f"{what}: found other images than those of the split ({differing.size} of {len(found)} "
            f"differ; the first is id {found[first]} where {expected[first]} was expected). "
            f"Repair it with: {remedy}"
        )
