"""Brightness, contrast and sharpness of images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import as_gray
from pipeline.checks import check_images


@dataclass(frozen=True)
class PixelFacts:
    """Facts about n images, (n,) float64 each."""

    brightness: NDArray[np.float64]
    """Mean luma (ITU-R BT.601), 0 to 255."""
    contrast: NDArray[np.float64]
    """Standard deviation of the luma."""
    sharpness: NDArray[np.float64]
    """Variance of the Laplacian of the luma (Pech-Pacheco et al. 2000, "Diatom autofocusing in
    brightfield microscopy: a comparative study"). It depends on the content and on the size of the
    images, so it only compares images of one set."""


def pixel_facts(images: NDArray[np.uint8]) -> PixelFacts:
    """Measure images one by one.

    Args:
        images: (n, height, width, 3) uint8, RGB, or (n, height, width, 1) in gray; may be
            memory-mapped.
    """
    check_images(images)
    found = np.array([_measured(image) for image in images]).reshape(len(images), 3)
    return PixelFacts(*found.T)


def _measured(image: NDArray[np.uint8]) -> tuple[float, float, float]:
    luma = as_gray(image)
    mean, deviation = cv2.meanStdDev(luma)
    sharpness = cv2.Laplacian(luma, cv2.CV_64F).var()
    return float(mean[0, 0]), float(deviation[0, 0]), float(sharpness)
