"""Pixelation, JPEG compression and elastic distortion.

All functions here take (n, h, w, 3) uint8 RGB images, or (n, h, w, 1) in gray, a severity from 1 to
5, the (n,) ids of the images and the study's seed, and return corrupted images of the same shape.
Source: Hendrycks and Dietterich, ICLR 2019, section 3, with the constants in `severities`.
Departures: those of `draws` and `pixels` in the elastic distortion. The other two use Pillow, as
the published code does.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from pipeline.channels import to_picture, with_channels
from pipeline.robustness.draws import draw
from pipeline.robustness.pixels import eight_bits, intensities, strength, strengths


def pixelate(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Shrink both sides by the constant, then enlarge the image again, each time by boxes."""
    share = strength("pixelate", severity)
    height, width = images.shape[1:3]
    small = (max(1, int(width * share)), max(1, int(height * share)))
    corrupted = np.empty_like(images)
    for image, target in zip(images, corrupted, strict=True):
        shrunk = to_picture(image).resize(small, Image.Resampling.BOX)
        enlarged = np.asarray(shrunk.resize((width, height), Image.Resampling.BOX))
        target[:] = enlarged.reshape(target.shape)
    return corrupted


def jpeg_compression(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Compress as JPEG and decompress; the constant is the quality."""
    quality = int(strength("jpeg_compression", severity))
    corrupted = np.empty_like(images)
    for image, target in zip(images, corrupted, strict=True):
        stored = io.BytesIO()
        to_picture(image).save(stored, format="JPEG", quality=quality)
        with Image.open(stored) as read:
            target[:] = np.asarray(read).reshape(target.shape)
    return corrupted


def elastic_transform(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Distort the image by a random affine map, then by small random moves of each pixel.

    The constants are fractions of the shorter side: how far a pixel moves at most before smoothing,
    the standard deviation of the Gaussian that smooths these moves, and how far the three points
    that define the affine map move at most. Higher severities trade one for the other; not all
    constants increase.
    """
    height, width = images.shape[1:3]
    side = min(height, width)
    far, smooth, bend = (side * each for each in strengths("elastic_transform", severity))
    corners = draw(ids, seed, "elastic_affine", lambda rng: rng.uniform(-1, 1, (3, 2)))
    moves = draw(ids, seed, "elastic_moves", lambda rng: rng.uniform(-1, 1, (2, height, width)))
    moves = far * ndimage.gaussian_filter(moves, (0, 0, smooth, smooth), mode="reflect", truncate=3)
    places = np.indices((height, width)) + moves
    corrupted = intensities(images)
    for image, corner, place in zip(corrupted, corners, places, strict=True):
        bent = _bend(image, bend * corner)
        for channel in range(images.shape[3]):
            image[..., channel] = ndimage.map_coordinates(
                bent[..., channel], place, order=1, mode="reflect"
            )
    return eight_bits(corrupted)


def _bend(image: NDArray[np.float32], moves: NDArray[np.float64]) -> NDArray[np.float32]:
    """Move three corners of a square about the center by (3, 2) pixels, in x and y."""
    height, width = image.shape[:2]
    center, half = np.array([width // 2, height // 2]), min(height, width) // 3
    points = (center + half * np.array([[1, 1], [1, -1], [-1, -1]])).astype(np.float32)
    matrix = cv2.getAffineTransform(points, points + moves.astype(np.float32))
    bent = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return with_channels(image, bent)
