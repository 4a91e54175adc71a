"""Image files of many kinds to square 8-bit RGB arrays.

Pillow decodes, not OpenCV: cv2.imdecode drops an alpha channel, so that what was meant to be
invisible appears, and gives no reason for a file that it cannot read. The pixels of RGB JPEGs are
equal. Pillow is slower, 0.1 ms an image of 32 pixels against 0.02: seconds, for 60,000 images.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_BATCH_FILES = 64
_BATCH_BYTES = 64 << 20
_LARGE = 32 << 10
"""Bytes of an average file from which on threads pay; below, they wait for the interpreter."""

Decoded = NDArray[np.uint8] | str
"""(size, size, 3) uint8 RGB; or why the file could not be read."""


def decode(content: bytes) -> NDArray[np.uint8]:
    """Decode one image file to (height, width, 3) uint8, RGB.

    * Grey, bilevel, palette and CMYK images are converted; colour profiles are not applied.
    * Alpha, also that of a palette, is laid over white.
    * 16 bits a channel are cut to the upper 8, as Pillow does for colour.
    * The rotation that a camera notes in EXIF is applied.
    * Of an animation, the first frame is taken.

    Raises:
        OSError: if it is no image of `FORMATS`, or is damaged or cut short. Pillow raises other
            kinds too (``SyntaxError``, ``ValueError``, ``Image.DecompressionBombError``).
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        image.load()
        upright = ImageOps.exif_transpose(image) if image.getexif() else image
        if upright.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it
            grey = np.asarray(upright).astype(np.int64) >> 8
            return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            white = Image.new("RGBA", rgba.size, "white")
            upright = Image.alpha_composite(white, rgba)
        return np.array(upright if upright.mode == "RGB" else upright.convert("RGB"))


def resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize (height, width, 3) uint8 to (size, size, 3); the aspect ratio is not kept.

    Sides that shrink are averaged over areas (``INTER_AREA``), so that nothing aliases; sides that
    grow are then interpolated (``INTER_LINEAR``). An image of that size is returned as it is.
    """
    height, width = image.shape[:2]
    shrunk = (min(width, size), min(height, size))
    if shrunk != (width, height):
        image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
    if shrunk != (size, size):
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    return image


def decode_files(
    files: Iterable[tuple[str, bytes | None]], size: int
) -> Iterator[tuple[str, Decoded]]:
    """Decode and resize files as they come; a few at a time are held in memory.

    Args:
        files: paths and contents; None for a link, which counts as unreadable.
        size: the side of the square images.
    """
    task = partial(_decode_one, size=size)
    with ThreadPoolExecutor() as pool:
        for batch in _batches(files):
            large = sum(len(content or b"") for _, content in batch) > _LARGE * len(batch)
            yield from pool.map(task, batch) if large else map(task, batch)


def _decode_one(file: tuple[str, bytes | None], size: int) -> tuple[str, Decoded]:
    name, content = file
    if content is None:
        return name, "a link inside the archive"
    try:
        return name, resize(decode(content), size)
    except Image.UnidentifiedImageError:
        return name, "no image of a known format" if content else "an empty file"
    # Damaged files make Pillow's readers raise nearly anything; one of them must not end the study.
    except Exception as error:
        return name, str(error) or type(error).__name__


def _batches(
    files: Iterable[tuple[str, bytes | None]],
) -> Iterator[list[tuple[str, bytes | None]]]:
    batch: list[tuple[str, bytes | None]] = []
    held = 0
    for file in files:
        batch.append(file)
        held += len(file[1] or b"")
        if len(batch) == _BATCH_FILES or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
