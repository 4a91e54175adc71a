"""Gaussian, shot, impulse and speckle noise.

All functions here take (n, h, w, 3) uint8 RGB images, or (n, h, w, 1) in gray, a severity from 1 to
5, the (n,) ids of the images and the study's seed, and return corrupted images of the same shape.
Noise is independent for each pixel and channel. Source: Hendrycks and Dietterich, ICLR 2019,
section 3, with the constants in `severities`. Departures: those of `draws` and `pixels`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.robustness.draws import draw
from pipeline.robustness.pixels import eight_bits, intensities, strength


def gaussian_noise(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Add normal noise; the constant is its standard deviation, for intensities in [0, 1]."""
    normal = _normal(images, ids, seed, "gaussian_noise")
    return eight_bits(intensities(images) + strength("gaussian_noise", severity) * normal)


def speckle_noise(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Add normal noise in proportion to the intensity; the constant is that proportion."""
    normal = _normal(images, ids, seed, "speckle_noise")
    values = intensities(images)
    return eight_bits(values + values * (strength("speckle_noise", severity) * normal))


def shot_noise(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Draw a Poisson photon count for each value; the constant is the expected count at white."""
    photons = strength("shot_noise", severity)
    expected = iter(intensities(images) * photons)
    counts = draw(ids, seed, "shot_noise", lambda rng: rng.poisson(next(expected)))
    return eight_bits(counts / photons)


def impulse_noise(
    images: NDArray[np.uint8], severity: int, ids: NDArray[np.integer], seed: int
) -> NDArray[np.uint8]:
    """Set values to 0 or 255, equally often (salt and pepper); the constant is their fraction."""
    shape = (2, *images.shape[1:])
    chance = draw(ids, seed, "impulse_noise", lambda rng: rng.random(shape, dtype=np.float32))
    extreme = np.where(chance[:, 1] < 0.5, np.uint8(0), np.uint8(255))
    return np.where(chance[:, 0] < strength("impulse_noise", severity), extreme, images)


def _normal(
    images: NDArray[np.uint8], ids: NDArray[np.integer], seed: int, name: str
) -> NDArray[np.float32]:
    shape = images.shape[1:]
    return draw(ids, seed, name, lambda rng: rng.standard_normal(shape, dtype=np.float32))
