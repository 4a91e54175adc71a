"""Decoding of image files of many kinds to square 8-bit RGB arrays, in sRGB.

Pillow decodes, not OpenCV: cv2.imdecode drops the alpha channel, so that invisible pixels appear,
and gives no reason for a file that it cannot read. Both give the same pixels for RGB JPEGs. Pillow
is slower, 0.1 ms per image of 32 pixels instead of 0.02: seconds, for 60,000 images.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.data.reading import large_images
from pipeline.data.reading.archive_limits import HEAD
from pipeline.data.reading.color_profiles import Profile
from pipeline.data.reading.file_kinds import OTHER, kind_of
from pipeline.data.reading.fitting import TRANSPOSED, Target
from pipeline.data.reading.pixel_values import Layout, Range, layout_of, mend_transparency, to_rgb
from pipeline.data.reading.usual_values import is_bright, usual_range

KEEPS_ERROR_TEXTS = True
"""The dataset's card lists unreadable files with the reason; see `pipeline.fingerprints`."""
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF")
"""Pillow's plugins; that of JPEG also reads the first image of an MPO file, as cameras write."""
MAX_PIXELS = 500_000_000
"""The most pixels of an image: 2 GB in color or in gray with more than 16 bits, 0.5 GB in gray."""
_BATCH_FILES = 64
_BATCH_BYTES = 64 << 20
_LARGE_FILE = 32 << 10
"""Average file size in bytes above which threads pay off; below, they wait for the interpreter."""
_BUDGET = large_images.Budget()
_ORIENTATION = 0x0112
_OUT_OF_MEMORY = "out of memory"
"""Pillow's message in an OSError if a codec cannot allocate memory or is asked for far too much."""

# `_check_size` limits images instead, with a message that states the size.
Image.MAX_IMAGE_PIXELS = None
# Freed blocks above 32 MiB go back to the system. The C library may keep smaller ones, such as
# Pillow's 16 MiB: for each thread, as many as the largest image has.
Image.core.set_block_size(64 << 20)
# Each file gives an image or a reason. Pillow's warnings about odd metadata help nobody.
warnings.filterwarnings("ignore", module=r"PIL\b")


@dataclass(frozen=True)
class Picture:
    """One image, decoded."""

    pixels: NDArray[np.uint8]
    """(size, size, 3) uint8, RGB, or (size, size, 1) in gray."""
    side: int
    """The shorter side of the original, in pixels."""
    layout: Layout | None = None
    """What its samples are, if they have more than 8 bits."""
    values: Range | None = None
    """The lowest and highest sample, if they have more than 8 bits."""
    usual: Range | None = None
    """The lowest and highest sample except for a few pixels (`usual_values`), also for 8 bits. None
    if no pixel is visible, and for 8-bit images with values of at least 64 if no range is given for
    8 bits."""
    profile: Profile = "none"
    """What was done with a color profile."""
    colored: bool = True
    """Whether its channels differed, before any conversion to gray."""


Decoded = Picture | str
"""An image, or the reason why the file could not be read."""


def decode(content: bytes, profiles: bool = True) -> NDArray[np.uint8]:
    """Decode one image file to (height, width, 3) uint8, RGB.

    * Gray, bilevel, palette and CMYK images are converted.
    * Colors of a profile are converted to sRGB, unless they have more than 8 bits in the file and
      are gray. With ``profiles=False``, profiles are ignored; damaged ones always are.
    * Transparent pixels, also those of a palette or of one color in a PNG, are blended with white.
    * Channels with 16 bits are reduced to the upper 8.
    * The EXIF rotation is applied.
    * Only the first frame of an animation, or the first of several pages, is used.

    Raises:
        OSError: if the file is not an image in `FORMATS`, is damaged or truncated, or has more
            than `MAX_PIXELS`. Pillow raises other errors too (``SyntaxError``, ``ValueError``).
    """
    with _opened(content) as (image, layout):
        if not profiles:
            image.info.pop("icc_profile", None)
        pixels, _ = to_rgb(image, layout)
        return _upright(pixels, _orientation(image))


def decode_small(
    content: bytes,
    target: Target,
    value_range: Range | None = None,
    range_8_bits: Range | None = None,
) -> Picture:
    """Decode one image file to a square: as `decode` does, then cut, resized, gray if so wanted.

    A large image (`large_images`) is averaged over the same areas, but never converted to RGB as a
    whole, so it is rounded only once: values differ by up to 1. A large JPEG is read at a half, a
    fourth or an eighth of its size, with no side below twice `size`: libjpeg then averages as it
    decodes, and values differ slightly more. The same file always gives the same pixels.

    Args:
        content: the file.
        target: the square that is made of it.
        value_range: see `to_rgb`.
        range_8_bits: see `to_rgb`.

    Raises:
        OSError: as `decode` does.
    """
    with _opened(content, 2 * target.size) as (image, layout):
        side, turned = min(image.info.get("original_size", image.size)), _orientation(image)
        box = target.box(*image.size, turned)
        if image.width * image.height > large_images.LARGE_PIXELS:
            sides = target.inside(box[2] - box[0], box[3] - box[1])
            pixels, found = large_images.shrunk(
                image, layout, box, sides, value_range, range_8_bits
            )
        else:
            kept = image if box[2:] == image.size else image.crop(box)
            pixels, found = to_rgb(kept, layout, value_range, range_8_bits)
        pixels = target.fitted(_upright(pixels, turned))
    measured = layout is not None or range_8_bits is not None or not is_bright(found.sample)
    usual = usual_range(found.sample) if measured else None
    colored = bool((pixels != pixels[..., :1]).any())
    stored = target.stored(pixels)
    return Picture(stored, side, layout, found.extremes, usual, found.profile, colored)


def decode_files(
    files: Iterable[tuple[str, bytes | None]],
    target: Target,
    value_range: Range | None = None,
    range_8_bits: Range | None = None,
) -> Iterator[tuple[str, Decoded]]:
    """Decode and resize files as they arrive; only a few are in memory at a time.

    Args:
        files: paths and contents; None for a link, which counts as unreadable.
        target: the squares that are made of them.
        value_range: see `to_rgb`.
        range_8_bits: see `to_rgb`.

    Raises:
        MemoryError: if there is not enough memory, which says nothing about the file.
    """
    task = partial(_decode_one, target=target, value_range=value_range, range_8_bits=range_8_bits)
    with ThreadPoolExecutor() as pool:
        for batch in _batches(files):
            large = sum(len(content or b"") for _, content in batch) > _LARGE_FILE * len(batch)
            yield from pool.map(task, batch) if large else map(task, batch)


def _decode_one(
    file: tuple[str, bytes | None],
    target: Target,
    value_range: Range | None,
    range_8_bits: Range | None,
) -> tuple[str, Decoded]:
    name, content = file
    if content is None:
        return name, "a link; create the archive with tar --dereference --hard-dereference"
    try:
        return name, decode_small(content, target, value_range, range_8_bits)
    except MemoryError:
        raise
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem and "Insufficient memory" not in str(error):
            return name, str(error)
        raise MemoryError(str(error)) from None
    except Image.UnidentifiedImageError:
        return name, _unknown(name, content)
    # Damaged files can make Pillow raise almost anything; one file must not end the study.
    except Exception as error:
        return name, str(error) or type(error).__name__


def shorter_side(stream: IO[bytes]) -> int | None:
    """Return the shorter side of an image, from the header of its file; None if it is unreadable.

    Args:
        stream: the file; only what is needed is read.
    """
    try:
        with Image.open(stream, formats=FORMATS) as image:
            return min(image.size)
    except MemoryError:
        raise
    except Exception:  # as in `_decode_one`
        return None


def _unknown(name: str, content: bytes) -> str:
    """Describe a file that Pillow does not recognize."""
    kind = kind_of(name, content[:HEAD])
    if not content:
        return "an empty file"
    if kind.known:
        return f"{kind.name}, damaged or of an unsupported kind"
    what = "" if kind.name == OTHER else f" ({kind.name})"
    return f"not an image in a known format{what}"


@contextmanager
def _opened(
    content: bytes, smallest: int | None = None
) -> Iterator[tuple[Image.Image, Layout | None]]:
    """Load an image once there is memory for it (`large_images.Budget`), and yield it.

    Args:
        content: the file.
        smallest: a large JPEG is read at a fraction of its size, but with no side below this.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        original = image.size
        _check_size(original)
        if isinstance(image, TiffImageFile):
            _check_size(getattr(image, "_tile_size", original))  # what is allocated
            _check_strips(image)
        if smallest and original[0] * original[1] > large_images.LARGE_PIXELS:
            image.draft(None, (smallest, smallest))
            image.info["original_size"] = original
        layout = layout_of(image)
        mend_transparency(image)
        with _BUDGET.reserved(image.width * image.height):
            try:
                _load(image)
                yield image, layout
            finally:
                image.close()  # frees its memory before the next image is loaded


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except OSError as error:
        # A damaged file can ask for far too much. If memory is really short, this fails as well.
        if _OUT_OF_MEMORY in str(error):
            np.empty(4 * image.width * image.height, dtype=np.uint8)
        raise


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise OSError(
            f"{size[0]:,} x {size[1]:,} pixels, more than the maximum of {MAX_PIXELS:,} "
            f"({4 * MAX_PIXELS / 1e9:g} GB of memory)"
        )


def _check_strips(image: TiffImageFile) -> None:
    """Raise `OSError` if strips end before the image does; the rest would be black."""
    ends = [tile.extents[3] for tile in image.tile if tile.extents]
    if ends and max(ends) < image.height:
        raise OSError(f"it has only {max(ends):,} of {image.height:,} rows")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of a loaded image, 1 to 8; Pillow has already rotated TIFFs."""
    return image.getexif().get(_ORIENTATION, 1)


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Rotate and mirror (height, width, 3) pixels according to their EXIF orientation."""
    if orientation in TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


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
