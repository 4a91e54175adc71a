"""Test images that are copies of images to learn from, or look alike enough to be.

Barz and Denzler (2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates") found them for
3.25 % of CIFAR-10's test images, by the features of a network, and looked at each pair. Here pixels
decide: equal ones make an exact copy, and the correlation of details
(`pipeline.data.duplicates.likeness`) a look-alike.
No labels, no network, nobody who looks. Copies that were cropped, scaled or turned are
beyond it, and it can take an aircraft in a plain sky for another one; so its pairs, though about as
many, are not all of theirs.

What a correlation means depends on the images. Two photographs of different things hardly ever
reach 0.85; two different drawings of a digit mostly do. So the threshold is checked against pairs
within the training split: where it is ordinary there to be about as much alike, likeness tells
nothing of copies, and no look-alike is named.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import check_images
from pipeline.data.duplicates.exact_copies import exact_copies
from pipeline.data.duplicates.likeness import COARSE, most_alike
from pipeline.storage.measurements import ALIKE, DUPLICATE_COLUMNS, EXACT, Duplicates, LikenessCheck

SIMILARITY = 0.85
"""Least correlation of a look-alike, set by looking at pairs of CIFAR-10 (pictures, no labels).
All 14 between 0.85 and 0.86 were the same photograph, and so were 74 drawn from those up to 0.92,
but for one aircraft before two skies; of 18 between 0.84 and 0.85 two or three were others (ships
in the same place), of 22 between 0.82 and 0.84 seven. 327 test images in 10,000 are above it."""
SMALL_SIMILARITY = 0.995
"""The same of images with a side below 16 pixels, which have hardly any details: of the bundled
8×8 digits 344 of 359 have a partner above 0.85 and none above 0.985. Only copies exceed this."""
LOOKED_AT = 2000
"""Training images that the threshold is checked with, at most."""

_LEARN = ("train", "validation")


def near_duplicates(
    images: Mapping[str, NDArray[np.uint8]],
    ids: Mapping[str, NDArray[np.integer]],
    similarity: float | None = None,
    looked_at: int = LOOKED_AT,
) -> Duplicates:
    """Find, for each test image, the image to learn from that it copies or looks alike.

    Args:
        images: ``train``, ``validation`` and ``test`` -> (n, height, width, 3) uint8 in RGB order;
            memory maps will do.
        ids: the same splits -> (n,) ids of the images.
        similarity: the least correlation of a look-alike, in 0..1; `least_similarity` where
            none is given.
        looked_at: training images that the threshold is checked with, at most.

    Returns:
        The pairs, exact copies first, then by falling similarity; look-alikes are among them only
        where the check says that they tell something. And the exact copies of all splits.

    Raises:
        StudyError: if `images` are something else.
    """
    for split in images:
        check_images(images[split], f"images of {split}")
    if similarity is None:
        similarity = least_similarity(images["test"].shape)
    copies = exact_copies(images, ids)
    exact = _exact_pairs(copies)
    alike = _alike_pairs(images, ids, ~np.isin(ids["test"], exact["test_id"]), similarity)
    check = _check(images["train"], ids["train"], copies, similarity, len(alike), looked_at)
    pairs = pd.concat([exact, alike], ignore_index=True) if check.tells and len(alike) else exact
    return Duplicates(pairs.astype({"mirrored": bool}), copies, check)


def least_similarity(shape: tuple[int, ...]) -> float:
    """Return the threshold for images of shape (n, height, width, 3)."""
    return SIMILARITY if min(shape[1:3]) >= COARSE else SMALL_SIMILARITY


def _exact_pairs(copies: pd.DataFrame) -> pd.DataFrame:
    """Return the test images that repeat an image to learn from."""
    found = copies[(copies["split"] == "test") & copies["first_split"].isin(_LEARN)]
    pairs = pd.DataFrame(
        {
            "test_id": found["id"], "id": found["first_id"], "split": found["first_split"],
            "kind": EXACT, "mirrored": False, "similarity": 1.0,
        }
    )  # fmt: skip
    return pairs[list(DUPLICATE_COLUMNS)].reset_index(drop=True)


def _alike_pairs(
    images: Mapping[str, NDArray[np.uint8]],
    ids: Mapping[str, NDArray[np.integer]],
    wanted: NDArray[np.bool_],
    similarity: float,
) -> pd.DataFrame:
    """Return the wanted test images that are `similarity` or more alike to one to learn from."""
    pairs = most_alike(images["test"], {split: images[split] for split in _LEARN})
    places = pairs["query"].to_numpy(dtype=np.intp)
    pairs = pairs[(pairs["similarity"] >= similarity) & wanted[places]]
    others = [ids[split][at] for split, at in zip(pairs["split"], pairs["other"], strict=True)]
    test_ids = np.asarray(ids["test"])[pairs["query"].to_numpy(dtype=np.intp)]
    # Of a mirrored copy, rounding may make a little more than 1.
    at_most_1 = pairs["similarity"].astype(float).clip(upper=1)
    pairs = pairs.assign(test_id=test_ids, id=others, kind=ALIKE, similarity=at_most_1)
    return pairs[list(DUPLICATE_COLUMNS)].reset_index(drop=True)


def _check(
    train: NDArray[np.uint8],
    ids: NDArray[np.integer],
    copies: pd.DataFrame,
    similarity: float,
    test_alike: int,
    looked_at: int,
) -> LikenessCheck:
    """Count how much alike training images are to each other, exact copies left aside."""
    within = copies[copies["split"] == "train"]
    single = np.flatnonzero(~np.isin(ids, [*within["id"], *within["first_id"]]))
    if len(single) > looked_at:
        single = np.sort(np.random.default_rng(0).choice(single, looked_at, replace=False))
    found = most_alike(train[single], {"train": train}, own=single)["similarity"]
    # As far below the threshold again as the threshold is below 1.
    below = 2 * similarity - 1
    return LikenessCheck(
        similarity=similarity,
        images=len(single),
        alike=int((found >= similarity).sum()),
        nearly=int(((found >= below) & (found < similarity)).sum()),
        test_alike=test_alike,
    )
