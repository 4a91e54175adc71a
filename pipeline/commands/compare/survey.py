"""A quick look at somebody's images: how many of each class, how large, in which splits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.checks import StudyError
from pipeline.data.image_folder import locate
from pipeline.data.reading import archives
from pipeline.data.reading.decoding import decode_small
from pipeline.data.reading.file_facts import read_facts
from pipeline.data.reading.file_kinds import is_read_whole
from pipeline.data.reading.fitting import Target
from pipeline.data.reading.layout import LAYOUT, lay_out
from pipeline.data.reading.left_out import Others

LOOKED_AT = 400
"""Images whose headers are read, the first in the order of the folder or archive."""
DECODED = 24
"""Images that are decoded, to measure how long it takes."""


@dataclass(frozen=True)
class Survey:
    """What was found."""

    path: Path
    """The folder or archive with the images, as an absolute path."""
    classes: Mapping[str, int]
    """Class -> its images in all splits together."""
    splits: Mapping[str, int]
    """Split -> its images; only train if there are no split folders."""
    shorter_side: int
    """Median shorter side of the originals, in pixels."""
    decode_seconds: float
    """Time to decode one image, on one core."""

    @property
    def n(self) -> int:
        """Number of images."""
        return sum(self.classes.values())

    @property
    def imbalance(self) -> float:
        """Images of the largest class per image of the smallest."""
        return max(self.classes.values()) / min(self.classes.values())


def survey(path: Path) -> Survey:
    """Look at a folder or archive of images.

    Args:
        path: as for `pipeline.data.image_folder`.

    Raises:
        StudyError: if there are no images, or their folders are not laid out as expected.
    """
    place = locate(path)
    others, heads = Others(place), Counter[str]()
    contents: dict[str, bytes] = {}

    def whole(name: str, head: bytes) -> bool:
        heads["read"] += is_read_whole(name, head)
        return is_read_whole(name, head) and heads["read"] <= LOOKED_AT

    names = []
    for name, content in others.filtered(archives.read_files(place, others.shown, whole)):
        names.append(name)
        if content and len(contents) < LOOKED_AT:
            contents[name] = content
    if not names:
        raise StudyError(f"{place}: found no image; expected {LAYOUT}")
    placed = lay_out(names, str(place))
    sides = [min(facts.width, facts.height) for facts in map(read_facts, contents.values())]
    return Survey(
        path=place.resolve(),
        classes=dict(Counter(class_name for _, class_name, _ in placed.values())),
        splits=dict(Counter(split for split, _, _ in placed.values())),
        shorter_side=int(np.median([side for side in sides if side] or [0])),
        decode_seconds=_decode_seconds(list(contents.values())[:DECODED]),
    )


def _decode_seconds(contents: list[bytes]) -> float:
    """Return the median time to decode an image to 256 pixels."""
    seconds = []
    for content in contents:
        start = time.perf_counter()
        try:
            decode_small(content, Target(256))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # the study names it
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)) if seconds else 0.01
