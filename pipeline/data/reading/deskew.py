"""Upright digits: the slant of a figure is measured and undone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-2
"""A second moment below this is that of an empty image, which has no slant."""


def deskewed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shear one gray image so that its bright figure stands upright, as OpenCV's sample does.

    The slant is the covariance of rows and columns by the variance of rows, of the image's gray
    levels (``deskew`` in ``samples/python/digits.py``). What moves in at the sides is black.

    Args:
        image: (height, width, 1) uint8, a bright figure on black.

    Returns:
        An array like `image`.
    """
    height, width = image.shape[:2]
    moments = cv2.moments(np.ascontiguousarray(image[..., 0]))
    if abs(moments["mu02"]) < _LEAST:
        return image
    slant = moments["mu11"] / moments["mu02"]
    shear = np.array([[1, slant, -0.5 * height * slant], [0, 1, 0]], dtype=np.float32)
    how = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    upright = cv2.warpAffine(image[..., 0], shear, (width, height), flags=how)
    return np.asarray(upright, dtype=np.uint8)[..., None]
