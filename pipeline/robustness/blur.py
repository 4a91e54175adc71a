"""Gaussian, defocus, frosted-glass, motion and zoom blur.

All functions here take (n, h, w, 3) uint8 RGB images, or (n, h, w, 1) in gray, a severity from 1 to
5, the (n,) ids of the images and the study's seed, and return corrupted images of the same shape.
Source: Hendrycks and Dietterich, ICLR 2019, section 3, with the constants in `severities`: lengths
are in pixels of a 32-pixel image and scale with the side. Departures: those of `draws` and
`pixels`, and those that a function names.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from pipeline.robustness.draws import draw
from pipeline.robustness.pixels import eight_bits, intensities, length_factor, strength, strengths


def gaussian_blur(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Blur with a Gaussian; the constant is its standard deviation in pixels."""
    sigma = strength("gaussian_blur", severity) * length_factor(images)
    return eight_bits(_smooth(intensities(images), sigma))


def defocus_blur(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Blur with a disk; the constants are its radius and the blur of its edge, in pixels."""
    radius, edge = strengths("defocus_blur", severity)
    kernel = disk(radius, edge, length_factor(images))
    blurred = [cv2.filter2D(image, -1, kernel) for image in intensities(images)]
    return eight_bits(np.stack(blurred).reshape(images.shape))


def disk(radius: float, edge: float, factor: float) -> NDArray[np.float32]:
    """Return a square kernel that sums to 1: the pixels of a disk, smoothed.

    Args:
        radius: in pixels of a 32-pixel image; below 1 the disk is one pixel.
        edge: standard deviation of the Gaussian that smooths it, in the same pixels.
        factor: what lengths are multiplied by, for images of other sizes.
    """
    reach = max(8, int(np.ceil(radius * factor)) + int(np.ceil(3 * factor)))
    steps = np.arange(-reach, reach + 1)
    inside = steps[:, None] ** 2 + steps**2 <= (radius * factor) ** 2
    pixels = inside.astype(np.float32) / np.float32(inside.sum())
    size = 2 * int(np.ceil(factor)) + 1  # 3 at 32 pixels
    return cv2.GaussianBlur(pixels, (size, size), edge * factor)


def glass_blur(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Blur, replace each pixel by one nearby, for one or more rounds, and blur again.

    The constants are the blur's standard deviation, the largest step to a nearby pixel (that many
    pixels up or left, or one fewer down or right), and the number of rounds. Pixels are visited
    from last to first, as in the published code. That code intends to swap two pixels but only
    copies one, because both names refer to the same memory. So does this function.
    """
    sigma, step, rounds = strengths("glass_blur", severity)
    factor = length_factor(images)
    step = max(1, round(step * factor))
    n, height, width, _ = images.shape
    shape = (2, height, width, 2)  # two rounds at most
    moves = draw(ids, seed, "glass_blur", lambda rng: rng.integers(-step, step, shape, np.int8))
    shuffled, each = eight_bits(_smooth(intensities(images), sigma * factor)), np.arange(n)
    for turn in range(int(rounds)):
        for y in range(height - step, step, -1):
            for x in range(width - step, step, -1):
                move = moves[:, turn, y, x]
                shuffled[:, y, x] = shuffled[each, y + move[:, 0], x + move[:, 1]]
    return eight_bits(_smooth(intensities(shuffled), sigma * factor))


def motion_blur(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Smear along a line at a random angle of up to 45° from the horizontal.

    The constants are half the length of the line and the standard deviation, in pixels, of the
    half-Gaussian that weights its pixels. Severities 3 and 4 differ by less than one level of 255.

    Departure: OpenCV applies ImageMagick's weights; ImageMagick itself is not used, and its
    direction and border handling may differ. Border pixels are repeated beyond the border.
    """
    radius, sigma = (each * length_factor(images) for each in strengths("motion_blur", severity))
    angles = draw(ids, seed, "motion_blur", lambda rng: rng.uniform(-45, 45, 1))[:, 0]
    values = intensities(images)
    for image, angle in zip(values, angles, strict=True):
        kernel = line(radius, sigma, float(angle))
        smeared = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        image[:] = smeared.reshape(image.shape)
    return eight_bits(values)


def line(radius: float, sigma: float, angle: float) -> NDArray[np.float32]:
    """Return a square kernel that sums to 1: a half-Gaussian from the center along `angle`°."""
    length = 2 * int(np.ceil(radius)) + 1
    steps = np.arange(length)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    kernel = np.zeros((2 * length - 1, 2 * length - 1), dtype=np.float32)
    rows = np.rint(steps * np.sin(np.deg2rad(angle))).astype(int)
    columns = np.rint(steps * np.cos(np.deg2rad(angle))).astype(int)
    np.add.at(kernel, (length - 1 - rows, length - 1 + columns), weights / weights.sum())
    return kernel


def zoom_blur(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Average the image with copies enlarged about its center by 1.00, 1.01, 1.02, ...

    The constant is the last enlargement in hundredths. The unenlarged image counts twice, as in the
    published code. Enlarging is linear, so all of it is one product with a sparse matrix.
    """
    n, height, width, channels = images.shape
    planes = intensities(images).transpose(1, 2, 3, 0).reshape(height * width, -1)
    blurred = zooming(height, width, int(strength("zoom_blur", severity))) @ planes
    return eight_bits(blurred.reshape(height, width, channels, n).transpose(3, 0, 1, 2))


@lru_cache(maxsize=16)
def zooming(height: int, width: int, last: int) -> sparse.csr_array:
    """Return the (height · width)² float32 weights of source pixels in each blurred pixel."""
    total = sparse.identity(height * width, dtype=np.float32, format="csr")
    for hundredths in range(last + 1):
        factor = 1 + hundredths / 100
        total += sparse.kron(enlargement(height, factor), enlargement(width, factor), "csr")
    return sparse.csr_array(total / np.float32(last + 2))


def enlargement(side: int, factor: float) -> sparse.csr_array:
    """Return the (side, side) weights of source pixels in a line enlarged about its center.

    The line is cropped to its old length. Interpolation is that of `scipy.ndimage.zoom`, order 1.
    """
    kept = int(np.ceil(side / factor))
    first = (side - kept) // 2
    enlarged = ndimage.zoom(np.eye(kept, dtype=np.float32), (factor, 1), order=1)
    cut = (len(enlarged) - side) // 2
    whole = np.zeros((side, side), dtype=np.float32)
    whole[:, first : first + kept] = enlarged[cut : cut + side]
    return sparse.csr_array(whole)


def _smooth(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth (n, h, w, channels) along h and w, as `skimage.filters.gaussian` does by default."""
    return ndimage.gaussian_filter(values, (0, sigma, sigma, 0), mode="nearest", truncate=4)
