"""Pictures of what `symmetric_patches` keeps of an image, and of its dictionary."""

from __future__ import annotations

import numpy as np

from pipeline.features.patches.dictionary import PatchDictionary
from pipeline.features.patches.pictures import dictionary_sheet, redrawn
from pipeline.features.picture_panels import Picture
from pipeline.features.symmetric_patches.symmetric_patches import SymmetricPatches


def picture(extractor: SymmetricPatches, image: Picture) -> Picture:
    """Draw the image, and beside it its reconstruction from the nearest atoms, as for `patches`."""
    return redrawn(image, _as_patches(extractor), extractor.spec.size)


def learned_picture(extractor: SymmetricPatches) -> Picture:
    """Draw up to 400 atoms with whitening undone, the grayest first, without mirror images."""
    return dictionary_sheet(_as_patches(extractor), extractor.spec.size)


def _as_patches(extractor: SymmetricPatches) -> PatchDictionary:
    learned = extractor.dictionary_
    atoms = [np.concatenate([learned.even, sign * learned.odd], axis=1) for sign in (1, -1)]
    whitening = learned.whitening.astype(np.float64)
    mean = np.linalg.solve(whitening.T, learned.offset).astype(np.float32)
    return PatchDictionary(mean, learned.whitening, np.concatenate(atoms).astype(np.float32))
