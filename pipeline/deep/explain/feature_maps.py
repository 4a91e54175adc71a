"""Feature maps of a network's first convolution."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.explain.activations import end_of, first_convolution, layer_output
from pipeline.deep.explain.tile_sheets import tile_sheet

MOST_CHANNELS = 16
MAP_SIDE = 48
"""Larger maps are reduced to this side before they are drawn."""
WHITE = 98
"""Percentile of a map's values that is drawn white, because a few positions are far brighter."""
GRAYS = 32
"""Gray levels in a drawing; few levels make a small file."""


@dataclass(frozen=True)
class FeatureMaps:
    """The same channels of one layer for several images."""

    layer: str
    channels: tuple[int, ...]
    """In ascending order; the channels that vary most over all positions of all images."""
    total: int
    """Number of channels of the layer."""
    values: NDArray[np.float32]
    """(images, channels, height, width)."""

    @property
    def caption(self) -> str:
        """Describe what the sheet of an image shows, and how it is scaled."""
        shown = len(self.channels)
        which = f"the {shown} maps" if shown == self.total else f"{shown} of the {self.total} maps"
        rest = "" if shown == self.total else ", those that vary most"
        return (
            f"{which} of the first convolution, {self.layer}{rest}. Each map is scaled over the "
            f"{len(self.values)} images: black is its smallest value, white its largest "
            f"{100 - WHITE}%"
        )


def feature_maps(model: keras.Model, images: NDArray[np.uint8]) -> FeatureMaps | None:
    """Return maps of the first convolution, after its normalization and activation.

    Args:
        model: takes pixels.
        images: (n, height, width, 3) uint8 RGB.

    Returns:
        The maps, or None for a network without a convolution.
    """
    convolution = first_convolution(model)
    if convolution is None:
        return None
    maps = np.moveaxis(layer_output(model, end_of(model, convolution), images), -1, 1)
    spread = maps.var(axis=(0, 2, 3))
    chosen = np.sort(np.argsort(-spread, kind="stable")[:MOST_CHANNELS])
    return FeatureMaps(
        convolution.name, tuple(map(int, chosen)), maps.shape[1], np.asarray(maps[:, chosen])
    )


def map_sheets(maps: FeatureMaps) -> list[NDArray[np.uint8]]:
    """Draw one sheet per image, (height, width, 3) uint8: its maps in rows, in gray."""
    low = maps.values.min(axis=(0, 2, 3), keepdims=True)
    high = np.percentile(maps.values, WHITE, axis=(0, 2, 3), keepdims=True)
    shares = np.clip((maps.values - low) / np.maximum(high - low, 1e-12), 0, 1, dtype=np.float32)
    return [_sheet(each) for each in shares]


def _sheet(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = shares.shape[1:]
    scale = min(1.0, MAP_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.stack([cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in shares])
    levels = np.rint(np.rint(small * (GRAYS - 1)) * (255 / (GRAYS - 1))).astype(np.uint8)
    return tile_sheet(levels[..., None].repeat(3, axis=-1))
