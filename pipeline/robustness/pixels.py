"""Conversion between 8-bit pixels and intensities in [0, 1], and access to the constants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.robustness.severities import CONSTANTS, LEVELS


def intensities(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 8-bit images as float32 in [0, 1], in a new array."""
    return images.astype(np.float32) / np.float32(255)


def eight_bits(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Clip intensities to [0, 1] and round them to 8 bits.

    The published code truncates instead, which darkens images by half a level of 255 on average.
    """
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def strength(name: str, severity: int) -> float:
    """Return the constant of a corruption that has one number per severity."""
    return float(CONSTANTS[name][LEVELS.index(severity)])


def strengths(name: str, severity: int) -> tuple[float, ...]:
    """Return the constants of a corruption that has several numbers per severity."""
    return tuple(float(each) for each in CONSTANTS[name][LEVELS.index(severity)])


def length_factor(images: NDArray[np.uint8]) -> float:
    """Return the factor for lengths in pixels: the shorter side over 32."""
    return min(images.shape[1:3]) / 32
