"""Panels of pictures: enlarging images and putting them side by side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import as_rgb

GAP = 8
"""White pixels between panels."""
SIDE = 248
"""The longer side of a panel; two of them and a gap are 504 pixels wide."""

Picture = NDArray[np.uint8]
"""(height, width, 3) uint8 in RGB order."""


def enlarged(image: Picture, side: int = SIDE) -> Picture:
    """Resize a picture so that its longer side is `side` and the other at least 128 pixels.

    When enlarged, pixels remain visible as squares. A gray image (height, width, 1) becomes RGB.
    """
    image = as_rgb(image)
    scale = side / max(image.shape[:2])
    height, width = (max(128, round(length * scale)) for length in image.shape[:2])
    sharp = cv2.INTER_NEAREST_EXACT if scale >= 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (width, height), interpolation=sharp), dtype=np.uint8)


def side_by_side(left: Picture, right: Picture) -> Picture:
    """Return two pictures side by side on white, with a gap between them, aligned at the top."""
    height = max(len(left), len(right))
    sheet = np.full((height, left.shape[1] + GAP + right.shape[1], 3), 255, dtype=np.uint8)
    sheet[: len(left), : left.shape[1]] = left
    sheet[: len(right), left.shape[1] + GAP :] = right
    return sheet
