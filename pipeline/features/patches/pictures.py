"""Pictures of a dictionary of patches, and of an image reconstructed from it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.channels import with_channels
from pipeline.features.patches.dictionary import (
    Floats,
    PatchDictionary,
    draw_patches,
    nearest_atoms,
    normalize_contrast,
)
from pipeline.features.picture_panels import Picture, enlarged, side_by_side

_MOST_ATOMS = 400
_SHEET = 800
"""Maximum width of a sheet in pixels."""
_GAP = 2
_CONTRAST = 70
"""Gray levels per standard deviation of a patch."""


def dictionary_sheet(dictionary: PatchDictionary, size: int) -> Picture:
    """Draw up to 400 atoms as patches, each stretched from black to white, the grayest first."""
    rows_of_atoms = dictionary.atoms_as_patches()[:_MOST_ATOMS]
    atoms = rows_of_atoms.reshape(len(rows_of_atoms), size, size, -1)
    colorfulness = atoms.std(axis=3).mean(axis=(1, 2)) / np.maximum(atoms.std(axis=(1, 2, 3)), 1e-6)
    columns = int(np.ceil(np.sqrt(len(atoms))))
    rows = -(-len(atoms) // columns)
    zoom = max(1, min(16, (_SHEET // columns - _GAP) // size))
    tile = zoom * size + _GAP
    sheet = np.full((rows * tile + _GAP, columns * tile + _GAP, 3), 255, dtype=np.uint8)
    for place, atom in enumerate(np.argsort(colorfulness, kind="stable")):
        y, x = (_GAP + tile * at for at in divmod(place, columns))
        square = np.kron(_stretched(atoms[atom]), np.ones((zoom, zoom, 1), dtype=np.uint8))
        sheet[y : y + zoom * size, x : x + zoom * size] = square
    return sheet


def redrawn(image: Picture, dictionary: PatchDictionary, size: int) -> Picture:
    """Draw an image, and beside it the mean of the nearest atoms of all its patches."""
    height, width = image.shape[:2]
    places = (height - size + 1, width - size + 1)
    every = draw_patches(image[None], size, places[0] * places[1], np.random.default_rng(0))
    normalize_contrast(every)
    every -= dictionary.mean
    whitened: Floats = np.matmul(every, dictionary.whitening)
    nearest = nearest_atoms(whitened, dictionary.atoms)
    drawn = dictionary.atoms_as_patches()[nearest].reshape(*places, size, size, -1)
    sums, hits = np.zeros(image.shape), np.zeros((height, width, 1))
    for y in range(size):
        for x in range(size):
            sums[y : y + places[0], x : x + places[1]] += drawn[:, :, y, x]
            hits[y : y + places[0], x : x + places[1]] += 1
    levels = np.clip(128 + _CONTRAST * sums / hits, 0, 255).astype(np.uint8)
    return side_by_side(enlarged(image), enlarged(levels))


def _stretched(patch: Floats) -> NDArray[np.uint8]:
    stretched = cv2.normalize(patch, None, 0, 255, cv2.NORM_MINMAX)
    return with_channels(patch, np.asarray(stretched, dtype=np.uint8))
