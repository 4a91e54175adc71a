"""How much two images look alike: the correlation of their details, whatever their brightness.

Only details count: each picture less its blurred self. Without that, any two scenes of a bright sky
over dark ground correlate at 0.95, as much as two copies of one photograph.

Two steps: small gray pictures of all images are compared with each other in matrix products, and
mirrored too; then the nearest few of each image, larger and in color, shifted by up to a pixel,
without their outermost pixels, which are the same in all images with a drawn frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

COARSE, _FINE = 16, 32
"""Sides of the pictures in the two steps; smaller images keep their size."""
_COARSE_SIMILARITY = 0.6
"""Least correlation of a pair that the second step looks at: low, for a shift counts there."""
_CANDIDATES = 4
"""Pairs of an image that the second step looks at, at most."""
_QUERY_BLOCK, _BLOCK = 2048, 1024
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
Images = NDArray[np.uint8]


def most_alike(
    queries: Images, others: Mapping[str, Images], own: NDArray[np.integer] | None = None
) -> pd.DataFrame:
    """Find, for each image, the one that it looks most alike.

    Args:
        queries: (n, height, width, 3) uint8 in RGB order; a memory map will do.
        others: split -> images to look among, of the same kind.
        own: (n,) positions of the queries where they are themselves among the others, which must
            then be one split; no image is paired with itself.

    Returns:
        Columns `query` and `other` (positions), `split`, `mirrored` and `similarity`, by falling
        similarity; a row an image that resembles any other. Of equals, the first split's and the
        first image count.
    """
    if not len(queries):
        return pd.DataFrame(columns=["query", "other", "split", "mirrored", "similarity"])
    pictures = _coarse_pictures(queries)
    parts = []
    for split, images in others.items():
        for mirrored in (False, True):
            coarse = _unit_vectors(pictures[:, :, ::-1] if mirrored else pictures)
            found = _nearest(coarse, images, own)
            parts.append(found.assign(split=split, mirrored=mirrored))
    pairs = pd.concat(parts, ignore_index=True)
    # Of equals the first: sorts are stable, and so is the order of the splits.
    pairs = pairs.sort_values("coarse", ascending=False, kind="stable")
    pairs = pairs.groupby("query").head(_CANDIDATES)
    pairs = pairs.assign(similarity=_fine_similarities(pairs, queries, others))
    pairs = pairs.sort_values("similarity", ascending=False, kind="stable")
    return pairs.drop_duplicates("query").drop(columns="coarse").reset_index(drop=True)


def _nearest(queries: Floats, images: Images, own: NDArray[np.integer] | None) -> pd.DataFrame:
    """Return the nearest image in each block of `images`: columns query, other, coarse."""
    found = []
    for start in range(0, len(images), _BLOCK):
        others = _unit_vectors(_coarse_pictures(images[start : start + _BLOCK]))
        for first in range(0, len(queries), _QUERY_BLOCK):
            products = queries[first : first + _QUERY_BLOCK] @ others.T
            rows = np.arange(len(products))
            if own is not None:
                places = np.asarray(own)[first : first + _QUERY_BLOCK] - start
                here = (places >= 0) & (places < len(others))
                products[rows[here], places[here]] = -1
            nearest = products.argmax(axis=1)
            values = products[rows, nearest]
            near = np.flatnonzero(values >= _COARSE_SIMILARITY)
            columns = {
                "query": first + near, "other": start + nearest[near], "coarse": values[near]
            }  # fmt: skip
            found.append(pd.DataFrame(columns))
    return pd.concat(found, ignore_index=True)


def _fine_similarities(
    pairs: pd.DataFrame, queries: Images, images: Mapping[str, Images]
) -> Floats:
    """Return the (pairs,) largest correlations over shifts, of larger pictures in color."""
    values = np.zeros(len(pairs), dtype=np.float32)
    places, others = pairs["query"].to_numpy(), pairs["other"].to_numpy()
    splits, mirrored = pairs["split"].to_numpy(), pairs["mirrored"].to_numpy(dtype=bool)
    for split in np.unique(splits):
        of_split = np.flatnonzero(splits == split)
        for start in range(0, len(of_split), _PAIRS):
            here = of_split[start : start + _PAIRS]
            left = _fine_pictures(queries, places[here])
            left[mirrored[here]] = left[mirrored[here], :, ::-1]
            right = _fine_pictures(images[split], others[here])
            values[here] = np.max(
                [_correlations(*views) for views in _shifted(left, right)], axis=0
            )
    return values


def _fine_pictures(images: Images, positions: NDArray[np.intp]) -> Floats:
    """Return details of larger pictures, in color."""
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
    steps = (-1, 0, 1) if min(height, width) >= COARSE else (0,)
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
    centered = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    vectors = centered.reshape(len(pictures), -1)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    flat = lengths < _FLAT * np.sqrt(vectors.shape[1])
    return vectors / np.where(flat, np.inf, lengths)[:, None]


def _coarse_pictures(images: Images) -> Floats:
    """Return details of small gray pictures, (n, h, w, 1)."""
    gray = _pictures(images, COARSE) @ _LUMINANCE
    return _details(gaussian_filter(gray, _BLUR, axes=(1, 2)))


def _pictures(images: Images, side: int) -> Floats:
    """Return (n, h, w, 3) float32, averaged over areas to at most side × side, without a frame."""
    width, height = (min(side, length) for length in images.shape[2:0:-1])
    pictures = np.empty((len(images), height, width, 3), dtype=np.float32)
    for image, picture in zip(images, pictures, strict=True):
        picture[...] = cv2.resize(
            image.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
        )
    down, across = int(_FRAME * height), int(_FRAME * width)
    return pictures[:, down : height - down, across : width - across]
