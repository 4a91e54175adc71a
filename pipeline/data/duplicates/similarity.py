"""How similar two images look: the correlation of their details, regardless of brightness.

Details are a picture minus a blurred copy of itself. Without the subtraction, any two scenes of a
bright sky over dark ground correlate at 0.95, as much as two copies of one photograph.

There are two steps. First, small gray pictures of all images, and their mirror images, are compared
with each other in matrix products. Then each image is compared with the nearest few, larger and in
color, at shifts of up to one pixel. The outermost pixels are cut off, because they are the same in
all images with a drawn frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.channels import GRAY, with_channels

COARSE, _FINE = 16, 32
"""Sides of the pictures in the two steps; smaller images keep their size."""
_COARSE_SIMILARITY = 0.6
"""Minimum correlation of a pair for the second step. It is low, because small pictures of shifted
copies correlate less."""
_CANDIDATES = 4
"""The most pairs per image for the second step."""
_QUERY_BLOCK, _BLOCK = 2048, 1024
"""Images on either side of the similarities that are in memory at once: 8 MB."""
_PAIRS = 1024
"""Pairs whose pixels are in memory at once: 25 MB."""
_BLUR = 0.7
"""Standard deviation in pixels of the blur that removes most JPEG noise."""
_DETAIL = 0.1
"""Standard deviation of the blur that is subtracted to leave details, as a fraction of the side."""
_FRAME = 0.1
"""Fraction of the side that is cut off at each edge."""
_FLAT = 1.0
"""Pictures whose details have a smaller standard deviation, in levels of 255, are not compared."""

_LUMINANCE = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)

Floats = NDArray[np.float32]
Images = NDArray[np.uint8]
"""(n, height, width, 3) in RGB order, or (n, height, width, 1) in gray."""


def most_similar(
    queries: Images, others: Mapping[str, Images], own: NDArray[np.integer] | None = None
) -> pd.DataFrame:
    """Find the most similar other image for each image.

    Args:
        queries: (n, height, width, 3) uint8; may be memory-mapped.
        others: split -> images to search, of the same shape and type.
        own: (n,) positions of the queries among the others, if they are from the one split
            there; no image is paired with itself.

    Returns:
        Columns `query` and `other` (positions), `split`, `mirrored` and `similarity`, in descending
        order of similarity; one row for each image that resembles another. Ties go to the first
        split and the first image.
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
    # Ties go to the first: sorts are stable, and so is the order of the splits.
    pairs = pairs.sort_values("coarse", ascending=False, kind="stable")
    pairs = pairs.groupby("query").head(_CANDIDATES)
    pairs = pairs.assign(similarity=_fine_similarities(pairs, queries, others))
    pairs = pairs.sort_values("similarity", ascending=False, kind="stable")
    return pairs.drop_duplicates("query").drop(columns="coarse").reset_index(drop=True)


def small_pictures(images: Images) -> Floats:
    """Return what `best_outside` compares first: the details of small gray pictures, (n, h, w, 1).

    Args:
        images: (n, height, width, 3) uint8; may be memory-mapped.
    """
    starts = range(0, len(images), _BLOCK)
    return np.concatenate([_coarse_pictures(images[s : s + _BLOCK]) for s in starts])


def best_outside(
    images: Images, pictures: Floats, groups: NDArray[np.integer], queries: NDArray[np.integer]
) -> pd.DataFrame:
    """Find, for some images, the most similar one of another group.

    Args:
        images: (n, height, width, 3) uint8; may be memory-mapped.
        pictures: their `small_pictures`.
        groups: (n,) the group of each image.
        queries: (m,) positions of the images that are compared with all others.

    Returns:
        Columns `query` and `other` (positions), `mirrored` and `similarity`, one row for each query
        that resembles an image of another group, by position.
    """
    others, parts = _unit_vectors(pictures), []
    for mirrored in (False, True):
        seen = pictures[queries][:, :, ::-1] if mirrored else pictures[queries]
        found = _outside(_unit_vectors(seen), others, groups, queries)
        parts += [each.assign(mirrored=mirrored) for each in found]
    pairs = pd.concat(parts, ignore_index=True)
    pairs = pairs.sort_values("coarse", ascending=False, kind="stable")
    pairs = pairs.groupby("query").head(_CANDIDATES).assign(split="own")
    pairs = pairs.assign(similarity=_fine_similarities(pairs, images, {"own": images}))
    pairs = pairs.sort_values("similarity", ascending=False, kind="stable")
    pairs = pairs.drop_duplicates("query").sort_values("query")
    return pairs[["query", "other", "mirrored", "similarity"]].reset_index(drop=True)


def _outside(
    vectors: Floats, others: Floats, groups: NDArray[np.integer], queries: NDArray[np.integer]
) -> Iterator[pd.DataFrame]:
    """Yield the nearest few vectors of other groups: columns query, other, coarse."""
    few = min(_CANDIDATES, len(others))
    for start in range(0, len(queries), _BLOCK):
        here = queries[start : start + _BLOCK]
        products = vectors[start : start + _BLOCK] @ others.T
        products[groups[here][:, None] == groups[None]] = -1
        nearest = np.argpartition(-products, few - 1, axis=1)[:, :few]
        values = np.take_along_axis(products, nearest, axis=1)
        rows, columns = np.nonzero(values >= _COARSE_SIMILARITY)
        yield pd.DataFrame(
            {
                "query": here[rows],
                "other": nearest[rows, columns],
                "coarse": values[rows, columns],
            }
        )


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
    """Return the (pairs,) largest correlations over all shifts, of larger pictures in color."""
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
    """Return the details of larger pictures, in color if they have any, (n, h, w, channels)."""
    chosen, back = np.unique(positions, return_inverse=True)  # a memory map is read in order
    pictures = _pictures(images[chosen], _FINE)
    return _details(gaussian_filter(pictures, _BLUR, axes=(1, 2)))[back]


def _details(pictures: Floats) -> Floats:
    """Subtract from each picture a blurred copy of it."""
    deviation = _DETAIL * max(pictures.shape[1:3])
    return pictures - gaussian_filter(pictures, deviation, axes=(1, 2))


def _shifted(left: Floats, right: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield the overlap of both pictures at shifts of up to a pixel; small ones are not shifted."""
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
    """Return the (n,) correlations of two (n, height, width, channels), each channel centered."""
    return np.einsum("ij,ij->i", _unit_vectors(left), _unit_vectors(right))


def _unit_vectors(pictures: Floats) -> Floats:
    """Return (n, d) vectors of length 1 with centered channels; zeros for flat pictures."""
    centered = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    vectors = centered.reshape(len(pictures), -1)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    flat = lengths < _FLAT * np.sqrt(vectors.shape[1])
    return vectors / np.where(flat, np.inf, lengths)[:, None]


def _coarse_pictures(images: Images) -> Floats:
    """Return the details of small gray pictures, (n, h, w, 1)."""
    pictures = _pictures(images, COARSE)
    gray = pictures if pictures.shape[3] == GRAY else pictures @ _LUMINANCE
    return _details(gaussian_filter(gray, _BLUR, axes=(1, 2)))


def _pictures(images: Images, side: int) -> Floats:
    """Return (n, h, w, channels) float32, shrunk by area averaging, without the frame.

    They have at most side × side pixels before the frame is cut off.
    """
    width, height = (min(side, length) for length in images.shape[2:0:-1])
    pictures = np.empty((len(images), height, width, images.shape[3]), dtype=np.float32)
    for image, picture in zip(images, pictures, strict=True):
        small = cv2.resize(image.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        picture[...] = with_channels(image, small)
    down, across = int(_FRAME * height), int(_FRAME * width)
    return pictures[:, down : height - down, across : width - across]
