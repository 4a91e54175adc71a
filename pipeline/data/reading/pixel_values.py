"""What the pixels of a decoded image mean, and how they become 8-bit RGB.

Pillow converts most kinds of images. This module handles what it gets wrong or cannot know: gray
with more than 8 bits (Pillow clips it), a transparent gray value with fewer or more than 8 bits,
and integers and floating-point numbers, for which files do not state black and white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.reading.color_profiles import Profile, to_srgb
from pipeline.data.reading.usual_values import sample_of

Range = tuple[float, float]
"""The values that become black and white."""

_BITS, _SAMPLES, _PHOTOMETRIC = 258, 339, 262
"""Numbers of the TIFF tags BitsPerSample, SampleFormat and PhotometricInterpretation."""


@dataclass(frozen=True)
class Layout:
    """What the samples of an image with more than 8 bits are."""

    kind: str
    """``16-bit gray``, ``16-bit color``, ``floating-point gray``, ..."""
    full: int | None
    """The highest value of a sample; None if the file does not state the value of white."""
    unsigned: bool = False
    """Whether Pillow stores unsigned 32-bit numbers as signed ones."""
    inverted: bool = False
    """Whether 0 is white."""

    @property
    def gray(self) -> bool:
        """Whether samples are gray. Pillow keeps all their bits, but only the upper 8 of color."""
        return not self.kind.endswith("color")


@dataclass(frozen=True)
class Found:
    """The values of an image before they are stretched or clipped."""

    extremes: Range | None
    """The lowest and the highest; None for images with 8 bits."""
    sample: NDArray
    """Values of some pixels that are not transparent: (n,), or (n, 3) for color and for 8 bits."""
    profile: Profile = "none"
    """What was done with a color profile."""


def layout_of(image: Image.Image) -> Layout | None:
    """Return the layout of an image that was opened but not loaded; None for 8 bits."""
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
    """Convert the one transparent color of a PNG to the 8 bits of Pillow's pixels.

    Pillow leaves it as in the file: 1 of 0..3 for a gray value that became 85. For 16-bit color
    only the upper 8 bits are compared, because Pillow keeps no others.
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
    """Convert a loaded image, or a part, to 8-bit sRGB, blended with white where transparent.

    Color profiles count for 8 bits a channel in Pillow's image, if those are not stretched.

    Args:
        image: in any mode that Pillow reads.
        layout: the result of `layout_of` before the image was loaded.
        value_range: for gray with more than 8 bits, the values that become 0 and 255. None stands
            for the whole range; if that is unknown (`Layout.full`), all pixels become black.
        range_8_bits: the same for images with 8 bits or fewer, gray and color.

    Returns:
        (height, width, 3) uint8, RGB, and the values found in the image.

    Raises:
        ValueError: if values are NaN or infinite, or if Pillow cannot convert the mode.
    """
    if layout is not None and layout.gray:
        values = _values(image, layout)
        gray, sample = _scaled(values, layout, value_range), sample_of(values)
        if isinstance(hidden := image.info.get("transparency"), int):
            gray[values == hidden] = 255
            sample = sample[sample != hidden]
        ends = (float(values.min()), float(values.max()))
        return np.repeat(gray[..., None], 3, axis=2), Found(ends, sample)
    if image.mode == "La":  # gray premultiplied by alpha
        image = image.convert("LA")
    extremes: Range | None = None
    if layout is not None:
        upper = np.asarray(image)
        upper = upper[..., :3] if image.mode == "RGBA" else upper
        extremes = (float(int(upper.min()) << 8), float((int(upper.max()) << 8) | 255))
    stretched = None if layout else range_8_bits
    profile: Profile = "none"
    if stretched is None:
        image, profile = to_srgb(image)
    rgb, sample = _blended_with_white(image, stretched)
    if layout is not None:
        sample = sample.astype(np.uint16) * 257
    return rgb, Found(extremes, sample, profile)


def _blended_with_white(
    image: Image.Image, stretched: Range | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (height, width, 3) uint8, RGB, and a sample of the visible pixels, unstretched."""
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
        raise ValueError("it contains NaN or infinite values")
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
    """Return Pillow's name for the sample format in the file, such as ``RGB;16B``."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""
