"""What a file says about an image without its pixels: width, height, bytes, format."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from PIL import Image

from pipeline.data.reading.archives import File
from pipeline.data.reading.decoding import FORMATS
from pipeline.storage.file_facts import FileFacts

_TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""
_ORIENTATION = 0x0112


def noted(files: Iterable[File], facts: dict[str, FileFacts]) -> Iterator[File]:
    """Pass files on, and put what their headers say into `facts`, by name."""
    for name, content in files:
        if content is not None:
            facts[name] = read_facts(content)
        yield name, content


def read_facts(content: bytes) -> FileFacts:
    """Read the header of an image file; an unreadable one has no size and no format."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) in _TURNED:
                width, height = height, width
            return FileFacts(width, height, len(content), image.format or "")
    # Damaged files make Pillow raise almost anything; decoding reports the reason.
    except Exception:
        return FileFacts(0, 0, len(content), "")
