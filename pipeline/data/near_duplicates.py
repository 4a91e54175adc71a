"""Test images of which training or validation images hold the same photograph.

Barz and Denzler (2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates") found them for
3.25 % of CIFAR-10's test images, by the features of a network, and looked at each pair. Here pixels
decide, by normalised cross-correlation, which changes of brightness and contrast leave as it is: no
labels, no network, nobody who looks. Copies that were cropped, scaled or turned are beyond it, and
it can take an aircraft in a plain sky for another one; so its pairs, though about as many, are not
all of theirs.

Only details count: each picture less its blurred self. Without that, any two scenes of a bright sky
over dark ground correlate at 0.95, as much as two copies of one photograph.

Two steps: small grey pictures of all images are compared with each other in matrix products, and
mirrored too; then the nearest few of each test image, larger and in colour, shifted by up to a
pixel, without their outermost pixels, which are the same in all images with a drawn frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.checks import check_images
from pipeline.measurements import DUPLICATE_COLUMNS

SIMILARITY = 0.85
"""Least correlation of a near-duplicate, set by looking at pairs of CIFAR-10 (pictures, no labels).
All 14 between 0.85 and 0.86 were the same photograph, and so were 74 drawn from those up to 0.92,
but for one aircraft before two skies; of 18 between 0.84 and 0.85 two or three were others (ships
in the same place), of 22 between 0.82 and 0.84 seven. 327 test images in 10,000 are above it."""
SMALL_SIMILARITY = 0.995
"""The same of images with a side below 16 pixels, which have hardly any details: of the bundled
8×8 digits 344 of 359 have a partner above 0.85 and none above 0.985. Only copies exceed this."""

_COARSE, _FINE = 16, 32
"""Sides of the pictures in the two steps; smaller images keep their size."""
_COARSE_SIMILARITY = 0.6
"""Least correlation of a pair that the second step looks at: low, for a shift counts there."""
_CANDIDATES = 4
"""Pairs of a test image that the second step looks at, at most."""
_TEST_BLOCK, _BLOCK = 2048, 1024
"""Images whose similarities are held at once: 8 MB."""
_PAIRS = 1024
"""Pairs whose pixels are held at once: 25 MB."""
_BLUR = 0.7
"""Deviation in pixels; of the noise of JPEG little is left."""
_DETAIL = 0.1
"""Part of the side: the deviation of the blur that details are left by."""
_FRAME = 0.1
"""Part of the side that is cut off on each side."""
_FLAT = 1.0
"""Levels of 255: the standard deviation of details below which there is nothing to tell by."""

_LUMINANCE = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)

Floats = NDArray[np.float32]


def near_duplicates(
    images: Mapping[str, NDArray[np.uint8]],
    ids: Mapping[str, NDArray[np.integer]],
    similarity: float | None = None,
) -> pd.DataFrame:
    """Find, for each test image, the most similar image to learn from, if it is similar enough.

    Args:
        images: ``train``, ``validation`` and ``test`` -> (n, height, width, 3) uint8 in RGB order;
            memory maps will do.
        ids: the same splits -> (n,) ids of the images.
        similarity: the least correlation of a near-duplicate, in 0..1; `least_similarity` where
            none is given.

    Returns:
        Columns `DUPLICATE_COLUMNS`, a row for each test image with a near-duplicate, by falling
        similarity.

    Raises:
        StudyError: if `images` are something else.
    """
    for split in images:
        check_images(images[split], f"images of {split}")
    if similarity is None:
        similarity = least_similarity(images["test"].shape)
    tests = _coarse_pictures(images["test"])
    parts = []
    for split in ("train", "validation"):
        for mirrored in (False, True):
            coarse = _unit_vectors(tests[:, :, ::-1] if mirrored else tests)
            found = _nearest(coarse, images[split])
            parts.append(found.assign(split=split, mirrored=mirrored))
    pairs = pd.concat(parts, ignore_index=True)
    # Of equals the first: sorts are stable, and so is the order of the splits.
    pairs = pairs.sort_values("coarse", ascending=False, kind="stable")
    pairs = pairs.groupby("test").head(_CANDIDATES)
    pairs = pairs.assign(similarity=_fine_similarities(pairs, images))
    pairs = pairs[pairs["similarity"] >= similarity]
    pairs = pairs.sort_values("similarity", ascending=False, kind="stable").drop_duplicates("test")
    others = [ids[split][at] for split, at in zip(pairs["split"], pairs["other"], strict=True)]
    table = pairs.assign(test_id=np.asarray(ids["test"])[pairs["test"]], id=others)
    return table[list(DUPLICATE_COLUMNS)].reset_index(drop=True)


def least_similarity(shape: tuple[int, ...]) -> float:
    """Return the threshold for images of shape (n, height, width, 3)."""
    return SIMILARITY if min(shape[1:3]) >= _COARSE else SMALL_SIMILARITY


def _nearest(tests: Floats, images: NDArray[np.uint8]) -> pd.DataFrame:
    """Return the nearest image in each block of `images`: columns test, other, coarse."""
    found = []
    for start in range(0, len(images), _BLOCK):
        others = _unit_vectors(_coarse_pictures(images[start : start + _BLOCK]))
        for first in range(0, len(tests), _TEST_BLOCK):
            products = tests[first : first + _TEST_BLOCK] @ others.T
            nearest = products.argmax(axis=1)
            values = products[np.arange(len(products)), nearest]
            near = np.flatnonzero(values >= _COARSE_SIMILARITY)
            columns = {"test": first + near, "other": start + nearest[near], "coarse": values[near]}
            found.append(pd.DataFrame(columns))
    return pd.concat(found, ignore_index=True)


def _fine_similarities(pairs: pd.DataFrame, images: Mapping[str, NDArray[np.uint8]]) -> Floats:
    """Return the (pairs,) largest correlations over shifts, of larger pictures in colour."""
    values = np.zeros(len(pairs), dtype=np.float32)
    tests, others = pairs["test"].to_numpy(), pairs["other"].to_numpy()
    splits, mirrored = pairs["split"].to_numpy(), pairs["mirrored"].to_numpy(dtype=bool)
    for split in np.unique(splits):
        of_split = np.flatnonzero(splits == split)
        for start in range(0, len(of_split), _PAIRS):
            here = of_split[start : start + _PAIRS]
            left = _fine_pictures(images["test"], tests[here])
            left[mirrored[here]] = left[mirrored[here], :, ::-1]
            right = _fine_pictures(images[split], others[here])
            values[here] = np.max(
                [_correlations(*views) for views in _shifted(left, right)], axis=0
            )
    return values


def _fine_pictures(images: NDArray[np.uint8], positions: NDArray[np.intp]) -> Floats:
    """Return details of larger pictures, in colour."""
    chosen, back = np.unique(positions, return_inverse=True)  # a memory map is read in order
    pictures = _pictures(images[chosen], _FINE)
    return _details(gaussian_filter(pictures, _BLUR, axes=(1, 2)))[back]


def _details(pictures: Floats) -> Floats:
    """Subtract from each picture its blurred self."""
    deviation = _DETAIL * max(pictures.shape[1:3])
    return pictures - gaussian_filter(pictures, deviation, axes=(1, 2))


def _shifted(left: Floats, right: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Give what both pictures share when one is shifted by up to a pixel; small ones are not."""
    height, width = left.shape[1:3]
    steps = (-1, 0, 1) if min(height, width) >= _COARSE else (0,)
    for down in steps:
        for across in steps:
            here = _overlap(height, down), _overlap(width, across)
            there = _overlap(height, -down), _overlap(width, -across)
            yield left[:, here[0], here[1]], right[:, there[0], there[1]]


def _overlap(length: int, shift: int) -> slice:
    return slice(max(shift, 0), length + min(shift, 0))


def _correlations(left: Floats, right: Floats) -> Floats:
    """Correlate (n, height, width, channels) with as many, each channel from its own mean."""
    return np.einsum("ij,ij->i", _unit_vectors(left), _unit_vectors(right))


def _unit_vectors(pictures: Floats) -> Floats:
    """Return (n, d) of length 1: channels less their means; of flat pictures zeros."""
    centred = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    vectors = centred.reshape(len(pictures), -1)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    flat = lengths < _FLAT * np.sqrt(vectors.shape[1])
    return vectors / np.where(flat, np.inf, lengths)[:, None]


def _coarse_pictures(images: NDArray[np.uint8]) -> Floats:
    """Return details of small grey pictures, (n, h, w, 1)."""
    grey = _pictures(images, _COARSE) @ _LUMINANCE
    return _details(gaussian_filter(grey, _BLUR, axes=(1, 2)))


def _pictures(images: NDArray[np.uint8], side: int) -> Floats:
    """Return (n, h, w, 3) float32, averaged over areas to at most side × side, without a frame."""
    width, height = (min(side, length) for length in images.shape[2:0:-1])
    pictures = np.empty((len(images), height, width, 3), dtype=np.float32)
    for image, picture in zip(images, pictures, strict=True):
        picture[...] = cv2.resize(
            image.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
        )
    down, across = int(_FRAME * height), int(_FRAME * width)
    return pictures[:, down : height - down, across : width - across]
