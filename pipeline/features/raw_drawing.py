"""A picture of what `raw` keeps of an image: the image at reduced size."""

from __future__ import annotations

import numpy as np

from pipeline.features.picture_panels import Picture, enlarged
from pipeline.features.raw import Raw


def picture(extractor: Raw, image: Picture) -> Picture:
    """Draw the pixels that are kept of the image."""
    size = extractor.spec.size
    shape = (size, size) if size else image.shape[:2]
    levels = extractor.transform(image[None]).reshape(*shape, -1) * 255
    kept = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return enlarged(kept)
