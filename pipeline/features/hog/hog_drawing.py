"""A picture of what `hog` keeps of an image: strokes along the edges of each cell."""

from __future__ import annotations

import numpy as np

from pipeline.features.hog.glyphs import draw_glyphs
from pipeline.features.hog.hog import Hog
from pipeline.features.picture_panels import Picture


def picture(extractor: Hog, image: Picture) -> Picture:
    """Draw the cells' histograms at the first scale as strokes over the image."""
    cell, layout = extractor.spec.cells[0], extractor.spec.layout
    features = extractor.transform(image[None])[0]
    down, across = (layout.blocks_along(side, cell) for side in image.shape[:2])
    shape = (down, across, layout.block, layout.block, layout.orientations.count)
    blocks = features[: np.prod(shape)].reshape(shape)
    return draw_glyphs(image, blocks, cell, layout.orientations)
