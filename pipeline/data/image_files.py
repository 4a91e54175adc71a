"""Single image files, read as the images of a dataset are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing
from pipeline.data.decoding import Picture, decode_files
from pipeline.data.pixel_values import Range
from pipeline.data.value_ranges import range_notes


def read_images(
    paths: Iterable[Path], size: int, value_range: Range | Literal["full"] | None = None
) -> NDArray[np.uint8]:
    """Decode and resize files to one array.

    Args:
        paths: image files of any format that a dataset may hold.
        size: the side of the square images.
        value_range: of gray images with more than 8 bits, as in `image_folder.Spec`.

    Returns:
        (n, size, size, 3) uint8, RGB, in the order of `paths`.

    Raises:
        StudyError: if a file is missing or cannot be read, with all that cannot; or if images with
            more than 8 bits use a sliver of their range, and no `value_range` is given.
    """
    stretched = None
    if value_range is not None and not isinstance(value_range, str):
        stretched = (value_range[0], value_range[1])  # a list where it comes from JSON
    pictures: list[Picture] = []
    problems: list[str] = []
    for name, decoded in decode_files(_contents(paths), size, stretched):
        if isinstance(decoded, str):
            problems.append(f"{name} ({decoded})")
        else:
            pictures.append(decoded)
    if problems:
        raise StudyError(
            f"{len(problems)} of {len(problems) + len(pictures)} files cannot be read: "
            f"{listing(problems, 8)}; expected images. Mend them, or leave them out"
        )
    if not pictures:
        raise StudyError("found no file; expected paths of images")
    _check_range(pictures, stretched or value_range)
    return np.stack([each.pixels for each in pictures])


def _check_range(pictures: list[Picture], value_range: Range | Literal["full"] | None) -> None:
    try:
        range_notes(pictures, value_range, "files to read")
    except StudyError as error:
        raise StudyError(
            f"{error}. The images of the study were read with value_range: "
            f"{value_range or 'none'}; for these files alone, say read(paths, value_range=...)"
        ) from None


def _contents(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        try:
            yield str(path), path.read_bytes()
        except OSError as error:
            raise StudyError(
                f"{path} cannot be read ({error.strerror}); expected an image"
            ) from None
