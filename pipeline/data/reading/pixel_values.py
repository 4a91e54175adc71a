"""What the pixels of a decoded image mean, and how they become 8-bit RGB.

Pillow converts most kinds of images by itself. What it gets wrong, or cannot know, is here: gray
with more than 8 bits (it clips), a transparent gray value of fewer or more than 8 bits, and
integers and floating-point numbers, whose black and white no file states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.reading.usual_values import sample_of

Range = tuple[float, float]
"""The values that become black and white."""

_BITS, _SAMPLES, _PHOTOMETRIC = 258, 339, 262
"""Numbers of the TIFF tags: bits of a sample, what a sample is, which end of its range is white."""


@dataclass(frozen=True)
class Layout:
    """What one sample of an image is, where it has more than 8 bits."""

    kind: str
    """``16-bit gray``, ``16-bit color``, ``floating-point gray``, ..."""
    full: int | None
    """The highest value that a sample can hold; None where the file does not tell white."""
    unsigned: bool = False
    """Whether Pillow holds unsigned 32-bit numbers as signed ones."""
    inverted: bool = False
    """Whether 0 is white."""

    @property
    def gray(self) -> bool:
        """Whether Pillow leaves all bits to us; of color it gives the upper 8 alone."""
        return not self.kind.endswith("color")


@dataclass(frozen=True)
class Found:
    """The values of an image, before anything is stretched or cut."""

    extremes: Range | None
    """The lowest and the highest; None for images of 8 bits."""
    sample: NDArray
    """Of some of its pixels that are not transparent: (n,), or (n, 3) of color and of 8 bits."""


def layout_of(image: Image.Image) -> Layout | None:
    """Say what the samples of a file are that has been opened, but not loaded; None for 8 bits."""
    tags: Any = getattr(image, "tag_v2", {})
    if image.mode == "F":
        return Layout("floating-point gray", None, inverted=tags.get(_PHOTOMETRIC) == 0)
    if image.mode == "I" and image.format == "TIFF":
        bits, signed = max(tags.get(_BITS, (32,))), 2 in tags.get(_SAMPLES, (1,))
        kind = f"{'signed ' if signed else ''}{bits}-bit gray"
        return Layout(kind, None, unsigned=not signed)
    if image.mode.startswith("I"):  # a PPM's values are scaled to 16 bits
        bits = max(tags.get(_BITS, (16,)))
        return Layout(f"{bits}-bit gray", 2**bits - 1, inverted=tags.get(_PHOTOMETRIC) == 0)
    return Layout("16-bit color", 65535) if ";16" in _raw_mode(image) else None


def mend_transparency(image: Image.Image) -> None:
    """Give the one transparent color of a PNG, of any depth, in the 8 bits of Pillow's pixels.

    Pillow leaves it as the file has it: 1 of 0..3 for a gray that became 85. Of 16-bit color only
    the upper 8 bits are compared, as these are all that Pillow keeps.
    """
    found = image.info.get("transparency")
    raw = _raw_mode(image)
    if isinstance(found, int) and raw in ("L;2", "L;4"):
        image.info["transparency"] = found * (85 if raw == "L;2" else 17)
    elif isinstance(found, tuple) and ";16" in raw:
        image.info["transparency"] = tuple(value >> 8 for value in found)


def to_rgb(
    image: Image.Image,
    layout: Layout | None,
    value_range: Range | None = None,
    range_8_bits: Range | None = None,
) -> tuple[NDArray[np.uint8], Found]:
    """Convert a loaded image, or rows of it, to 8-bit RGB; alpha is laid over white.

    Args:
        image: any mode that Pillow reads.
        layout: what `layout_of` said before it was loaded.
        value_range: of gray with more than 8 bits, the values that become 0 and 255. None for the
            whole range; where there is none (`Layout.full`), all pixels become black.
        range_8_bits: the same of images with 8 bits or fewer, gray and color.

    Returns:
        (height, width, 3) uint8, and the values that were found.

    Raises:
        ValueError: for values that are NaN or infinite, and modes that Pillow cannot convert.
    """
    if layout is not None and layout.gray:
        values = _values(image, layout)
        gray, sample = _scaled(values, layout, value_range), sample_of(values)
        if isinstance(hidden := image.info.get("transparency"), int):
            gray[values == hidden] = 255
            sample = sample[sample != hidden]
        ends = (float(values.min()), float(values.max()))
        return np.repeat(gray[..., None], 3, axis=2), Found(ends, sample)
    if image.mode == "La":  # gray that was multiplied by its alpha
        image = image.convert("LA")
    extremes: Range | None = None
    if layout is not None:
        upper = np.asarray(image)
        upper = upper[..., :3] if image.mode == "RGBA" else upper
        extremes = (float(int(upper.min()) << 8), float((int(upper.max()) << 8) | 255))
    rgb, sample = _laid_over_white(image, None if layout else range_8_bits)
    if layout is not None:
        sample = sample.astype(np.uint16) * 257
    return rgb, Found(extremes, sample)


def _laid_over_white(
    image: Image.Image, stretched: Range | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (height, width, 3) uint8, RGB, and a sample of the visible pixels as they were."""
    levels = np.arange(256, dtype=np.uint8)
    if stretched is not None:
        levels = _scaled(levels, Layout("8-bit", 255), stretched)
    if not image.has_transparency_data:
        rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))
        return rgb if stretched is None else levels[rgb], sample_of(rgb)
    rgba = image.convert("RGBA")
    sample = sample_of(np.asarray(rgba))
    if stretched is not None:
        rgba = rgba.point([*(levels.tolist() * 3), *range(256)])
    white = Image.new("RGBA", rgba.size, "white")
    rgb = np.array(Image.alpha_composite(white, rgba).convert("RGB"))
    return rgb, sample[sample[:, 3] > 0, :3]


def _values(image: Image.Image, layout: Layout) -> NDArray:
    values = np.asarray(image)
    if layout.unsigned:
        return values.astype(np.int32).view(np.uint32)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are no numbers (NaN or infinite)")
    return values


def _scaled(values: NDArray, layout: Layout, value_range: Range | None) -> NDArray[np.uint8]:
    if value_range is not None:
        low, high = value_range
        share = (values.astype(np.float64) - low) * (255 / (high - low))
        gray = np.rint(share.clip(0, 255)).astype(np.uint8)
    elif layout.full is not None:
        gray = (values // ((layout.full + 1) // 256)).astype(np.uint8)
    else:
        gray = np.zeros(values.shape, np.uint8)
    return 255 - gray if layout.inverted else gray


def _raw_mode(image: Image.Image) -> str:
    """Return Pillow's name of how the samples lie in the file, such as ``RGB;16B``."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""
