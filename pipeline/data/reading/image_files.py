"""Reading single image files in the same way as the images of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing
from pipeline.data.reading.decoding import Picture, decode_files
from pipeline.data.reading.fitting import FILL, Channels, Fit, Target
from pipeline.data.reading.pixel_values import Range
from pipeline.data.reading.value_ranges import deep_notes, out_of_range_problem

KEEPS_ERROR_TEXTS = True
"""Files that cannot be used are listed with the reason; see `pipeline.fingerprints`."""


def read_images(
    paths: Iterable[Path],
    size: int,
    value_range: Range | Literal["full"] | None = None,
    value_range_8_bits: Range | None = None,
    held: Sequence[float] | None = None,
    cut_off: bool = False,
    fit: Fit = "squash",
    fill: int = FILL,
    channels: Channels = "rgb",
    deskew: bool = False,
) -> NDArray[np.uint8]:
    """Decode and resize files to one array.

    Args:
        paths: image files in any format that a dataset may contain.
        size: side of the square images in pixels.
        value_range: for gray images with more than 8 bits, as in `image_folder.Spec`.
        value_range_8_bits: the same for images with 8 bits.
        held: range of values in the study's images with more than 8 bits
            (`value_ranges.used_range`).
        cut_off: whether values beyond the ranges may be clipped.
        fit: how an image becomes a square.
        fill: the gray of ``fit="pad"``.
        channels: ``gray`` for one channel.
        deskew: whether the slant of gray figures is undone.

    Returns:
        (n, size, size, 3) uint8, RGB, or (n, size, size, 1) in gray, in the order of `paths`.

    Raises:
        StudyError: if files are missing or unreadable; if images with more than 8 bits use a small
            part of their range and no `value_range` is given; or if more than a few pixels lie
            beyond a range and `cut_off` is not set.
    """
    stretched, plain = _pair(value_range), _pair(value_range_8_bits)
    target = Target(size, fit, fill, channels, deskew)
    pictures: list[Picture] = []
    outside: list[str] = []
    problems: list[str] = []
    for name, decoded in decode_files(_contents(paths), target, stretched, plain):
        if isinstance(decoded, str):
            problems.append(f"{name} ({decoded})")
        else:
            pictures.append(decoded)
            expected = _applied(decoded, stretched, plain)
            if expected and (
                found := out_of_range_problem(decoded, expected, held if decoded.layout else None)
            ):
                outside.append(f"{name} ({found}; {expected[0]:,.6g} to {expected[1]:,.6g})")
    if problems:
        raise StudyError(
            f"{len(problems)} of {len(problems) + len(pictures)} files cannot be read: "
            f"{listing(problems, 8)}; expected images. Repair them, or leave them out"
        )
    if not pictures:
        raise StudyError("found no file; expected at least one path of an image")
    if outside and not cut_off:
        raise StudyError(
            f"{len(outside)} of {len(pictures)} files have values beyond the range of the study, "
            f"which would be clipped (found; expected): {listing(outside, 8)}. Call "
            "read(paths, value_range=...) with the values of black and white in these files, or "
            "with the study's own range to clip them"
        )
    _check_range(pictures, stretched or value_range)
    return np.stack([each.pixels for each in pictures])


def stream_images(
    files: Iterable[tuple[str, bytes | None]],
    size: int,
    value_range: Range | Literal["full"] | None = None,
    value_range_8_bits: Range | None = None,
    held: Sequence[float] | None = None,
    fit: Fit = "squash",
    fill: int = FILL,
    channels: Channels = "rgb",
    deskew: bool = False,
) -> Iterator[tuple[str, NDArray[np.uint8] | str]]:
    """Decode and resize files as they arrive; what `read_images` refuses becomes a reason.

    Args:
        files: names and contents; None for a link inside an archive.
        size: as in `read_images`, like the next three.
        value_range: for gray images with more than 8 bits.
        value_range_8_bits: the same for images with 8 bits.
        held: range of values in the study's images with more than 8 bits.
        fit: how an image becomes a square.
        fill: the gray of ``fit="pad"``.
        channels: ``gray`` for one channel.
        deskew: whether the slant of gray figures is undone.

    Yields:
        The name of each file, and its pixels, as `read_images` returns them, or why there are none.
    """
    stretched, plain = _pair(value_range), _pair(value_range_8_bits)
    target = Target(size, fit, fill, channels, deskew)
    for name, decoded in decode_files(files, target, stretched, plain):
        if isinstance(decoded, str):
            yield name, decoded
            continue
        expected = _applied(decoded, stretched, plain)
        outside = expected and out_of_range_problem(
            decoded, expected, held if decoded.layout else None
        )
        if expected and outside:
            low, high = expected
            yield name, f"{outside}, beyond the study's range of {low:,.6g} to {high:,.6g}"
            continue
        try:
            deep_notes([decoded], stretched or value_range, "it")
        except StudyError as error:
            yield name, str(error)
            continue
        yield name, decoded.pixels


def _pair(value_range: Sequence[float] | str | None) -> Range | None:
    """Return a range, which may be a list from JSON, as a pair; None for ``full`` and None."""
    if value_range is None or isinstance(value_range, str):
        return None
    return value_range[0], value_range[1]


def _applied(picture: Picture, stretched: Range | None, plain: Range | None) -> Range | None:
    """Return the range that an image was stretched from."""
    if picture.layout is None:
        return plain
    return stretched if picture.layout.gray else None


def _check_range(pictures: list[Picture], value_range: Range | Literal["full"] | None) -> None:
    try:
        deep_notes(pictures, value_range, "files to read")
    except StudyError as error:
        raise StudyError(
            f"{error}. The images of the study were read with value_range: "
            f"{value_range or 'none'}; for these files only, call read(paths, value_range=...)"
        ) from None


def _contents(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        try:
            yield str(path), path.read_bytes()
        except OSError as error:
            raise StudyError(
                f"{path} cannot be read ({error.strerror}); expected an image"
            ) from None
