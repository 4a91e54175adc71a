"""Whether images use the range that they are stored in.

A 12-bit camera often stores its values unchanged in 16-bit files: the brightest becomes 15 of 255.
An 8-bit mask of 0 and 1 is just as black. Such a set is stretched by an option, or rejected. No
conclusions are drawn from single images, which may show a dark subject, or from a few images or
pixels of a set, which may be saturated or faulty.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from pipeline.checks import StudyError
from pipeline.data.reading.decoding import Picture
from pipeline.data.reading.pixel_values import Layout, Range

SLIVER = 1 / 4
"""A set whose values span a smaller fraction of the range is not read without an option."""
SLIVER_8_BITS = 1 / 16
"""The same for 8 bits, where a set without bright images may well be one of dark photographs."""
_FEW_IMAGES = 0.05
"""Fraction of a set's images that is ignored at either end; none of one or two images."""

Given = Range | Literal["full"] | None


def range_notes(
    pictures: Sequence[Picture], value_range: Given, range_8_bits: Given, where: str
) -> tuple[str, ...]:
    """Describe how values were converted, in a sentence for each kind of image that needs one.

    Args:
        pictures: all images of the set.
        value_range: for gray with more than 8 bits, the values that became black and white;
            ``full`` for everything that a file can hold.
        range_8_bits: the same for images with 8 bits, gray and color.
        where: the folder or archive, for messages.

    Raises:
        StudyError: if no range is given, and the images use a small part of their range or the
            files do not state it.
    """
    return deep_notes(pictures, value_range, where) + _notes_8_bits(pictures, range_8_bits, where)


def deep_notes(pictures: Iterable[Picture], value_range: Given, where: str) -> tuple[str, ...]:
    """Return the sentences of `range_notes` on images with more than 8 bits."""
    groups: dict[str, tuple[Layout, list[Picture]]] = {}
    for picture in pictures:
        if picture.layout is not None:
            kind = picture.layout.kind
            groups.setdefault(kind, (picture.layout, []))[1].append(picture)
    return tuple(
        _note(layout, group, value_range, where) for _, (layout, group) in sorted(groups.items())
    )


def profile_notes(pictures: Iterable[Picture]) -> tuple[str, ...]:
    """Return a sentence for each thing that was done with color profiles."""
    counts = Counter[str](each.profile for each in pictures)
    said = {
        "converted": "with a color profile: converted to sRGB",
        "damaged": "with a color profile that is damaged or of another kind: read without it",
    }
    return tuple(f"{_counted(counts[what])} {how}" for what, how in said.items() if counts[what])


def set_range(pictures: Iterable[Picture], full: int | None) -> Range | None:
    """Return the lowest and highest value in a set, ignoring a few of its images.

    Images that are all white, as from a stuck shutter, are ignored as well, unless there are no
    others.

    Args:
        pictures: images of one kind.
        full: the value of white; None if files do not state it.
    """
    found = [each.usual for each in pictures if each.usual is not None]
    found = [each for each in found if each != (full, full)] or found
    if not found:
        return None
    ignored = math.ceil(_FEW_IMAGES * len(found)) if len(found) > 2 else 0
    lows, highs = (sorted(ends) for ends in zip(*found, strict=True))
    low, high = lows[ignored], highs[-1 - ignored]
    return min(low, high), max(low, high)


def used_range(pictures: Iterable[Picture]) -> list[float] | None:
    """Return the range that gray images with more than 8 bits use, for checks of later images."""
    gray = [each for each in pictures if each.layout is not None and each.layout.gray]
    found = set_range(gray, next((each.layout.full for each in gray if each.layout), None))
    return None if found is None else list(found)


def out_of_range_problem(
    picture: Picture, expected: Range, held: Sequence[float] | None
) -> str | None:
    """Return a description of an image's values if more than a few pixels lie beyond a range.

    Args:
        picture: the image.
        expected: the values that become black and white.
        held: range of the study's images. Where it goes beyond `expected`, values were clipped on
            purpose; there, only values beyond `held` by a fourth of its span count.
    """
    if picture.usual is None:
        return None
    (low, high), (least, most) = picture.usual, expected
    if held is not None:
        margin = (held[1] - held[0]) * SLIVER
        least = min(least, held[0] - margin) if held[0] < least else least
        most = max(most, held[1] + margin) if held[1] > most else most
    return None if least <= low and high <= most else f"values from {low:,.6g} to {high:,.6g}"


def _note(layout: Layout, pictures: Sequence[Picture], value_range: Given, where: str) -> str:
    ends = [end for each in pictures for end in each.values or ()]
    low, high = min(ends), max(ends)
    used = set_range(pictures, layout.full) or (low, high)
    found = f"{_counted(len(pictures))} of {layout.kind} with values from {low:,.6g} to {high:,.6g}"
    if layout.gray and isinstance(value_range, tuple):
        black, white = value_range
        cut = "; values beyond are clipped" if low < black or high > white else ""
        return f"{found}: {black:,.6g} became black and {white:,.6g} white{cut}"
    span = used[1] - used[0]
    few = f" (mostly from {used[0]:,.6g} to {used[1]:,.6g})" if high - low > 2 * span else ""
    if layout.full is None:
        raise StudyError(
            f"{where}: found {found}{few}; such files do not state which values are black and "
            f"white. Set them with dataset.value_range: {_suggested(*used)}"
        )
    if value_range != "full" and span < SLIVER * (layout.full + 1):
        levels = int(span * 256 / (layout.full + 1)) + 1
        remedy = (
            f"Stretch them with dataset.value_range: {_suggested(*used)}"
            if layout.gray
            else "Convert them to 8 bits a channel with a program that stretches them"
        )
        raise StudyError(
            f"{where}: found {found}{few}, in a range of 0 to {layout.full:,}, which would leave "
            f"{levels} of 256 levels; expected at least a fourth of the range. {remedy}, or set "
            "dataset.value_range: full if this is intended"
        )
    cut = "the upper 8 bits are used" if not layout.gray else f"{layout.full:,} is white"
    return f"{found}: {cut}"


def _notes_8_bits(pictures: Iterable[Picture], given: Given, where: str) -> tuple[str, ...]:
    plain = [each for each in pictures if each.layout is None]
    if not plain:
        return ()
    found = _counted(len(plain)) + " with 8 bits"
    if isinstance(given, tuple):
        return (f"{found}: {given[0]:,.6g} became black and {given[1]:,.6g} white",)
    # The range is known for dark images only; the others count as white.
    bright = sum(each.usual is None for each in plain)
    used = set_range([each for each in plain if each.usual is not None], 255)
    few = math.ceil(_FEW_IMAGES * len(plain)) if len(plain) > 2 else 0
    if bright > few or used is None or used[1] >= SLIVER * 255:
        return ()
    found = f"{found} and values mostly from {used[0]:,.6g} to {used[1]:,.6g}, of 0 to 255"
    if given != "full" and used[1] < SLIVER_8_BITS * 255:
        raise StudyError(
            f"{where}: found {found}, which is nearly black; expected at least a sixteenth of the "
            f"range. Stretch them with dataset.value_range_8_bits: {_suggested(0, used[1])}, or "
            "set dataset.value_range_8_bits: full if this is intended"
        )
    return (f"{found}: a dark set; dataset.value_range_8_bits would stretch it",)


def _counted(n: int) -> str:
    return f"{n:,} image{'s' if n > 1 else ''}"


def _suggested(low: float, high: float) -> str:
    """Return 0 to 1, the range of the fewest bits that fit the values, or the values themselves."""
    if low >= 0 and SLIVER < high <= 1:
        return "[0, 1]"
    whole = 2 ** int(high).bit_length() - 1
    if low >= 0 and high > 1 and low < whole / 4:
        return f"[0, {whole}]"
    return f"[{low:.6g}, {high:.6g}]" if high > low else f"[{low:.6g}, {low + 1:.6g}]"
