"""A picture of what `lbp` sees of an image: the pattern of each pixel, as a color."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.features.lbp.lbp import Lbp
from pipeline.features.picture_panels import Picture

_SIDE = 256
"""Length of the picture's short side in pixels; the long one is at most twice as long."""


def picture(extractor: Lbp, image: Picture) -> Picture:
    """Draw the label of each pixel's pattern at the first radius as a color."""
    labels = extractor.labels(image[None], extractor.spec.radii[0])[..., 0]
    levels = labels.astype(np.float32) * (255 / (extractor.spec.bins - 1))
    colors = cv2.applyColorMap(np.round(levels).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    zoom = _SIDE / min(labels.shape)
    size = [min(2 * _SIDE, round(side * zoom)) for side in labels.shape[::-1]]
    return cv2.resize(colors[..., ::-1], size, interpolation=cv2.INTER_NEAREST)
