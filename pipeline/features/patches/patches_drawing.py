"""Pictures of what `patches` keeps of an image, and of the dictionary that it has learned."""

from __future__ import annotations

from pipeline.features.patches.patches import Patches
from pipeline.features.patches.pictures import dictionary_sheet, redrawn
from pipeline.features.picture_panels import Picture


def picture(extractor: Patches, image: Picture) -> Picture:
    """Draw the image, and beside it its reconstruction from the nearest atoms.

    Each patch is replaced by its nearest atom on mid-gray, with whitening undone. This shows what
    the code keeps; brightness and contrast are lost.
    """
    return redrawn(image, extractor.dictionary_, extractor.spec.size)


def learned_picture(extractor: Patches) -> Picture:
    """Draw up to 400 atoms with whitening undone, the grayest ones first."""
    return dictionary_sheet(extractor.dictionary_, extractor.spec.size)
