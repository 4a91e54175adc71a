"""How an image looks, in 66 numbers that no run has learned: colors, contrast, amount of detail.

They tell whether an image is of the kind that a study has: a photograph, a drawing, a scan, noise.
Of each image there are three groups: a picture of 4 x 4 pixels (48 numbers), the mean and the
standard deviation of each channel (6), and the logarithm of each channel's detail at four scales
(12), the standard deviations of the levels of a Laplacian pyramid (Burt and Adelson 1983). Natural
images have about the same amount of detail at each scale, noise has most at the finest (Field
1987). Channels are brightness and two differences of colors, which are 0 in gray images.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import as_rgb

SIDE = 64
"""Images are shrunk to this side first, unless they are smaller."""
SCALES = 4
GROUPS = (48, 6, 3 * SCALES)
"""The size of each group, in order."""
_SMALLEST = 1 / 255
"""Added to standard deviations before their logarithm: one level of gray."""
_CHANNELS = np.array(
    [[1 / 3, 1 / 3, 1 / 3], [1 / 2, -1 / 2, 0], [1 / 4, 1 / 4, -1 / 2]], dtype=np.float32
).T


def appearance(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (n, 66) float32 of (n, height, width, 3) uint8 RGB images, or gray ones."""
    found = np.empty((len(images), sum(GROUPS)), dtype=np.float32)
    for image, row in zip(images, found, strict=True):
        row[:] = _described(np.asarray(image))
    return found


def _described(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    sides = tuple(min(SIDE, side) for side in image.shape[1::-1])
    small = cv2.resize(as_rgb(image), sides, interpolation=cv2.INTER_AREA)
    level = (small.astype(np.float32) / 255) @ _CHANNELS
    grid = _area(level, (4, 4))
    spread = level.std(axis=(0, 1))
    details = []
    for _ in range(SCALES):
        height, width = level.shape[:2]
        coarser = _area(level, (max(1, width // 2), max(1, height // 2)))
        back = cv2.resize(coarser, (width, height), interpolation=cv2.INTER_LINEAR)
        details.append(np.log((level - back).std(axis=(0, 1)) + _SMALLEST))
        level = coarser
    mean = grid.mean(axis=(0, 1))
    return np.concatenate([grid.ravel(), mean, spread, *details])


def _area(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize (height, width, 3) by averaging over areas, to (width, height)."""
    resized: NDArray[np.float32] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return resized


class AppearanceFeatures:
    """Appearances on the scale of a study's images, so that their distances mean something.

    Each number is divided by its standard deviation over those images, and each group of numbers by
    the root of its size, so that groups count alike.

    Args:
        images: (n, height, width, 3) uint8, RGB; may be memory-mapped.
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        known = appearance(images)
        weights = np.concatenate([np.full(size, size**-0.5) for size in GROUPS])
        self._scale = weights / np.maximum(known.std(axis=0), 1e-3)
        self.known = known * self._scale
        """(n, 66) of those images."""

    def of(self, images: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Return (m, 66) of other images, (m, height, width, 3) uint8, RGB."""
        return appearance(images) * self._scale
