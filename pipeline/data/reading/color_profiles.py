"""Color profiles: pixels of other color spaces become sRGB, as a browser shows them.

Cameras and editors store photographs in Adobe RGB, Display P3 or a printer's CMYK, with an ICC
profile that says so. Read as sRGB, their colors are pale or wrong. Images without a profile, and
those whose profile is sRGB's, stay as they are.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

Profile = Literal["none", "converted", "damaged"]
"""Whether an image has a profile that changes its pixels, or one that cannot be used."""
_SAME = 2
"""A profile that changes no color by more than this many levels is sRGB's own."""
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}


def to_srgb(image: Image.Image) -> tuple[Image.Image, Profile]:
    """Convert a loaded image with 8 bits a channel; transparency is kept.

    Returns:
        The same image, or a new one in mode RGB or RGBA; and what was done.
    """
    content = image.info.get("icc_profile")
    if not content or image.mode == "1":
        return image, "none"
    color, alpha = _parts(image)
    if color.mode not in _CHANNELS:
        return image, "none"
    transform = _transform(bytes(content), color.mode)
    if transform is None or isinstance(transform, str):
        return image, "none" if transform is None else "damaged"
    converted = ImageCms.applyTransform(color, transform)
    if converted is None:
        return image, "damaged"
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, "converted"


def _parts(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colors of an image without transparency, and its alpha channel, if it has one."""
    gray = image.mode in ("L", "LA")
    if image.has_transparency_data:
        whole = image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
        return whole.convert("L" if gray else "RGB"), whole.getchannel("A")
    return image.convert("RGB") if image.mode in ("P", "YCbCr") else image, None


@lru_cache(maxsize=16)
def _transform(content: bytes, mode: str) -> ImageCms.ImageCmsTransform | Literal["damaged"] | None:
    """Return what converts colors to sRGB; None if they are sRGB; or that the profile is damaged.

    A profile of another kind of image than this one counts as damaged.
    """
    try:
        found = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(content)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return "damaged"
    return None if _changes_nothing(found, mode) else found


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a grid of colors stays the same, up to rounding."""
    if mode == "CMYK":
        return False
    levels = np.linspace(0, 255, 9 if mode == "RGB" else 256).astype(np.uint8)
    axes = np.meshgrid(*[levels] * _CHANNELS[mode])
    grid = np.stack(axes, axis=-1).reshape(1, -1, _CHANNELS[mode])
    before = Image.fromarray(grid if mode == "RGB" else grid[..., 0])
    after = ImageCms.applyTransform(before, transform)
    rgb = [np.asarray(each, dtype=np.int64) for each in (before.convert("RGB"), after)]
    return int(np.abs(rgb[0] - rgb[1]).max()) <= _SAME
