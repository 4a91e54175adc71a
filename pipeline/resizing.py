"""Resizing of images: areas are averaged where sides shrink, and interpolated where they grow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import with_channels

Sides = tuple[int, int]
"""(height, width) in pixels."""


def resize(image: NDArray[np.uint8], size: int | Sides) -> NDArray[np.uint8]:
    """Resize (height, width, channels) uint8 to a square of `size`, or to these sides.

    The aspect ratio is not kept. Sides that shrink are averaged over areas (``INTER_AREA``), which
    avoids aliasing; sides that grow are then interpolated (``INTER_LINEAR``). An image of this size
    is returned unchanged.
    """
    height, width = image.shape[:2]
    rows, columns = (size, size) if isinstance(size, int) else size
    shrunk = (min(width, columns), min(height, rows))
    if shrunk != (width, height):
        small = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
        image = with_channels(image, np.asarray(small, np.uint8))
    if shrunk != (columns, rows):
        grown = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
        image = with_channels(image, np.asarray(grown, np.uint8))
    return image
