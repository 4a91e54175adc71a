"""A control: classes that differ in shape alone. Drawn by code; nothing to fetch.

An image is one figure on a noisy background. The class is the figure's shape. The colors of figure
and background come from one distribution, the same in every class, and all shapes have the same
area: which colors an image has, and how much of each, is independent of its class. So color
histograms of whole images cannot do better than chance, while histograms of gradients (HOG) see the
outline. Color histograms of the cells of a grid can do better: they see how far a figure reaches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.data.random_figures import FIGURES, ControlSpec, drawn_by, figure_mask, two_levels
from pipeline.storage.source import Source

_LEVELS, _APART, _NOISE = (30.0, 225.0), 50.0, 8.0
"""Range of each channel of figure and background, the minimum difference between their channel
means, and the standard deviation of the noise in each channel."""


class Spec(ControlSpec):
    """Disks, squares, triangles and crosses in random colors; the shape is the class."""

    @property
    def all_classes(self) -> tuple[str, ...]:
        """The names of `FIGURES`."""
        return tuple(FIGURES)

    def fetch(self) -> Source:
        """Describe what is drawn; `path` is not used."""
        return drawn_by(
            self.name,
            __file__,
            "a control, drawn by code: figures of equal area in random colors whose classes differ "
            "only in shape, so gradients can distinguish them and colors cannot",
        )

    def draw(self, label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Draw a figure on a background."""
        mask = figure_mask(FIGURES[self.all_classes[label]], self.size, rng)
        levels = two_levels(*_LEVELS, _APART, rng, channels=3)
        image = np.where(mask[..., None], *levels) + rng.normal(0, _NOISE, (*mask.shape, 3))
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)
