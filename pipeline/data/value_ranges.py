"""Whether images with more than 8 bits a channel use the range that they are stored in.

A camera of 12 bits often stores its values as they are in files of 16: the brightest becomes 15 of
255. Such a set is stretched by an option, or refused; nothing is guessed from single images, which
may be dark because their subject is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pipeline.checks import StudyError
from pipeline.data.decoding import Picture
from pipeline.data.pixel_values import Layout, Range

SLIVER = 1 / 4
"""A set whose values span less than this part of the range is not read without an option."""


def range_notes(
    pictures: Iterable[Picture], value_range: Range | Literal["full"] | None, where: str
) -> tuple[str, ...]:
    """Say what became of values with more than 8 bits, a sentence for each kind of image.

    Args:
        pictures: all images of the set; those of 8 bits are passed over.
        value_range: the values that became black and white; ``full`` for all that a file can hold.
        where: the folder or archive, for messages.

    Raises:
        StudyError: if the images use a sliver of their range, or if no file tells the range, and
            `value_range` is not given.
    """
    groups: dict[str, tuple[Layout, list[Range]]] = {}
    for picture in pictures:
        if picture.layout is not None and picture.values is not None:
            kind = picture.layout.kind
            groups.setdefault(kind, (picture.layout, []))[1].append(picture.values)
    return tuple(
        _note(layout, ranges, value_range, where) for _, (layout, ranges) in sorted(groups.items())
    )


def _note(
    layout: Layout,
    ranges: Sequence[Range],
    value_range: Range | Literal["full"] | None,
    where: str,
) -> str:
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    what = f"{len(ranges):,} image{'s' if len(ranges) > 1 else ''} of {layout.kind}"
    found = f"{what} with values from {low:,.6g} to {high:,.6g}"
    if layout.gray and isinstance(value_range, tuple):
        black, white = value_range
        beyond = "; values beyond are cut off" if low < black or high > white else ""
        return f"{found}: {black:,.6g} became black and {white:,.6g} white{beyond}"
    if layout.full is None:
        raise StudyError(
            f"{where}: found {found}; such files do not say which values are black and white. "
            f"Set them with dataset.value_range: {_suggested(low, high)}"
        )
    if value_range != "full" and high - low < SLIVER * (layout.full + 1):
        levels = int((high - low) * 256 / (layout.full + 1)) + 1
        remedy = (
            f"Stretch them with dataset.value_range: {_suggested(low, high)}"
            if layout.gray
            else "Convert them to 8 bits a channel with a program that stretches them"
        )
        raise StudyError(
            f"{where}: found {found}, of 0 to {layout.full:,}, which would leave {levels} of 256 "
            f"levels; expected a fourth of the range at least. {remedy}, or set "
            "dataset.value_range: full if they are meant to be so"
        )
    cut = "the upper 8 bits are used" if not layout.gray else f"{layout.full:,} is white"
    return f"{found}: {cut}"


def _suggested(low: float, high: float) -> str:
    """Return 0 to 1, the range of the fewest bits that holds the values, or these themselves."""
    if low >= 0 and SLIVER < high <= 1:
        return "[0, 1]"
    whole = 2 ** int(high).bit_length() - 1
    if low >= 0 and high > 1 and low < whole / 4:
        return f"[0, {whole}]"
    return f"[{low:.6g}, {high:.6g}]" if high > low else f"[{low:.6g}, {low + 1:.6g}]"
