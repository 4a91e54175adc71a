"""Color changes: brightness, contrast and saturation; and fog, which is laid over the image.

All functions here take (n, h, w, 3) uint8 RGB images, or (n, h, w, 1) in gray, a severity from 1 to
5, the (n,) ids of the images and the study's seed, and return corrupted images of the same shape.
Source: Hendrycks and Dietterich, ICLR 2019, section 3, with the constants in `severities`.
Departures: HSV conversion is OpenCV's instead of skimage's (equal, and faster); values are rounded
(see `pixels`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.robustness.draws import draw
from pipeline.robustness.pixels import eight_bits, intensities, strength, strengths

_HEIGHT = 100.0


def brightness(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Add the constant to the value of HSV, which is the largest channel, up to 1.

    The only channel of a gray image is that value.
    """
    if images.shape[3] == GRAY:
        return eight_bits(intensities(images) + strength("brightness", severity))
    hsv = _hsv(images)
    hsv[..., 2] = np.clip(hsv[..., 2] + strength("brightness", severity), 0, 1)
    return _from_hsv(hsv)


def contrast(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Shrink each channel's deviations from its mean over the image; the constant is the factor."""
    values = intensities(images)
    means = values.mean(axis=(1, 2), keepdims=True)
    return eight_bits((values - means) * strength("contrast", severity) + means)


def saturate(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Multiply the saturation of HSV by one constant and add the other, within [0, 1].

    Severities 1 and 2 reduce saturation; 3 to 5 increase it. Gray images have none
    (`severities.COLOR_ONLY`).
    """
    factor, more = strengths("saturate", severity)
    hsv = _hsv(images)
    hsv[..., 1] = np.clip(hsv[..., 1] * factor + more, 0, 1)
    return _from_hsv(hsv)


def fog(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Add a cloudy height map, times the first constant, and keep the image's brightest value.

    The second constant is how much the map's roughness decays from each scale to the next.
    """
    thickness, decay = strengths("fog", severity)
    height, width = images.shape[1:3]
    side = 1 << (max(height, width, 2) - 1).bit_length()
    wobble = draw(ids, seed, "fog", lambda rng: rng.uniform(-1, 1, side * side))
    clouds = plasma(wobble, side, decay)[:, :height, :width, None]
    values = intensities(images)
    brightest = values.max(axis=(1, 2, 3), keepdims=True)
    return eight_bits((values + thickness * clouds) * brightest / (brightest + thickness))


def plasma(wobble: NDArray[np.float64], side: int, decay: float) -> NDArray[np.float64]:
    """Make fractal height maps by the diamond-square algorithm, for all images at once.

    At each scale, the middle of each square and then of each diamond becomes the mean of its four
    corners plus a random number. The range of that number shrinks with the square of `decay`, as in
    the published code, which multiplies the range by itself. Maps wrap around at their borders.

    Args:
        wobble: (n, side²) uniform in [-1, 1], used from the coarsest scale to the finest.
        side: side of the maps in pixels, a power of two.
        decay: what the square root of the range is divided by at each scale.

    Returns:
        (n, side, side), each map from 0 to 1.
    """
    maps = np.zeros((len(wobble), side, side))
    root, step, used = _HEIGHT, side, 0
    while step >= 2:
        half, count = step // 2, side // step
        amount = root**2 * wobble[:, used : used + 3 * count**2]
        middles, across, down = amount.reshape(-1, 3, count, count).swapaxes(0, 1)
        corners = maps[:, ::step, ::step]
        edges = corners + np.roll(corners, -1, axis=1)
        centers = (edges + np.roll(edges, -1, axis=2)) / 4 + middles
        right = corners + np.roll(corners, -1, axis=2) + centers + np.roll(centers, 1, axis=1)
        below = edges + centers + np.roll(centers, 1, axis=2)
        maps[:, half::step, half::step] = centers
        maps[:, ::step, half::step] = right / 4 + across
        maps[:, half::step, ::step] = below / 4 + down
        used += 3 * count**2
        step, root = half, root / decay
    maps -= maps.min(axis=(1, 2), keepdims=True)
    return maps / maps.max(axis=(1, 2), keepdims=True)


def _hsv(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (n, h, w, 3) float32: hue in degrees, saturation and value in [0, 1]."""
    n, height, width, _ = images.shape
    tall = intensities(images).reshape(n * height, width, 3)
    return cv2.cvtColor(tall, cv2.COLOR_RGB2HSV).reshape(images.shape)


def _from_hsv(hsv: NDArray[np.float32]) -> NDArray[np.uint8]:
    n, height, width, _ = hsv.shape
    tall = cv2.cvtColor(hsv.reshape(n * height, width, 3), cv2.COLOR_HSV2RGB)
    return eight_bits(tall.reshape(hsv.shape))
