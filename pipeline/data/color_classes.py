"""A control: classes that differ in color alone. Drawn by code; nothing to fetch.

An image is a gray picture, a random figure on a noisy background, with one tint added to all of its
pixels. The class is the hue of the tint; figures, positions, sizes, gray levels and noise have the
same distribution in every class. Because a tint is constant, the gradient of each channel equals
that of the gray picture exactly: levels and tints are integers, and no sum leaves 0 to 255. So
histograms of gradients (HOG) cannot do better than chance, while color histograms can be perfect.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.data.random_figures import FIGURES, ControlSpec, drawn_by, figure_mask, two_levels
from pipeline.storage.source import Source

HUES = ("pink", "violet", "blue", "teal", "green", "orange")
"""Classes: names of tints that are 60° apart in the Cb-Cr plane, in this order."""

_CHROMA = 40
"""Length of a tint in the Cb-Cr plane, in levels of 255."""
_FIRST, _SPREAD = np.deg2rad(80), np.deg2rad(12)
"""Hue of the first class, and the largest deviation of a tint from the hue of its class."""
_GRAY, _APART, _NOISE = (84.0, 171.0), 30.0, 4.0
"""Range of the figure and background levels, their minimum difference, and the standard deviation
of the noise, which is clipped at three of them: no sum with a tint (at most 71 levels) leaves 0 to
255."""


class Spec(ControlSpec):
    """Random figures in six tints; the tint is the class."""

    @property
    def all_classes(self) -> tuple[str, ...]:
        """`HUES`."""
        return HUES

    def fetch(self) -> Source:
        """Describe what is drawn; `path` is not used."""
        return drawn_by(
            self.name,
            __file__,
            "a control, drawn by code: random figures whose classes differ only in hue, so color "
            "histograms can distinguish them and gradients cannot",
        )

    def draw(self, label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Draw a gray picture and tint it."""
        figure = list(FIGURES.values())[rng.integers(len(FIGURES))]
        mask = figure_mask(figure, self.size, rng)
        levels = two_levels(*_GRAY, _APART, rng)[:, 0]
        noise = np.clip(rng.normal(0, _NOISE, mask.shape), -3 * _NOISE, 3 * _NOISE)
        gray = np.rint(np.where(mask, *levels) + noise).astype(np.int64)
        hue = _FIRST - label * 2 * np.pi / len(HUES) + rng.uniform(-_SPREAD, _SPREAD)
        return (gray[..., None] + tint(hue)).astype(np.uint8)


def tint(hue: float) -> NDArray[np.int64]:
    """Return what a hue adds to R, G and B, in whole levels; luma (ITU-R BT.601) is unchanged.

    Args:
        hue: angle in the Cb-Cr plane in radians; 0 is Cb and π/2 is Cr.
    """
    cb, cr = _CHROMA * np.cos(hue), _CHROMA * np.sin(hue)
    return np.rint([1.402 * cr, -0.344136 * cb - 0.714136 * cr, 1.772 * cb]).astype(np.int64)
