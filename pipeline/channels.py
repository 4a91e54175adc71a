"""Gray images have one channel, color images three; here one becomes the other.

Images are stored with the channels that they have. What is defined for three only, such as a
network that was trained on color images, gets the gray channel three times.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

GRAY, RGB = 1, 3
"""The numbers of channels that images can have."""


def as_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (..., 3) uint8 of (..., 1), the gray three times; (..., 3) is returned as it is."""
    return np.repeat(images, RGB, axis=-1) if images.shape[-1] == GRAY else images


def as_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (height, width, 1) uint8, the luma (ITU-R BT.601) of one RGB image.

    A gray image is returned as it is, and one whose channels are equal keeps its values.
    """
    if image.shape[-1] == GRAY:
        return image
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, dtype=np.uint8)[..., None]


def with_channels(image: NDArray, result: NDArray) -> NDArray:
    """Return what OpenCV made of an image (height, width, channels), with the axis of channels.

    OpenCV drops that axis if there is one channel.
    """
    return result if result.ndim == image.ndim else result[..., None]


def to_picture(image: NDArray[np.uint8]) -> Image.Image:
    """Return an image (height, width, channels) as Pillow has it, of the mode RGB or L (gray)."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == GRAY else image)


def named(channels: int) -> str:
    """Return how the channels are called."""
    return "gray" if channels == GRAY else "RGB"
