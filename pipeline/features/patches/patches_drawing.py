"""Pictures of what `patches` keeps of an image, and of the dictionary that it has learned."""

from __future__ import annotations

from pipeline.features.patches.patches import Patches
from pipeline.features.patches.pictures import dictionary_sheet, redrawn
from pipeline.features.picture_panels import Picture


def picture(extractor: Patches, image: Picture) -> Picture:
    """Draw the image, and beside it the image put together again from its nearest atoms.

    Each patch is replaced by the atom nearest to it, whitening undone, on mid-gray: what the code
    keeps, without the brightness and the contrast, which it does not.
    """
    return redrawn(image, extractor.dictionary_, extractor.spec.size)


def learned_picture(extractor: Patches) -> Picture:
    """Draw the atoms with the whitening undone, up to 400 of them, the grayest ones first."""
    return dictionary_sheet(extractor.dictionary_, extractor.spec.size)
