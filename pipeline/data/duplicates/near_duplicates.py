"""Test images with an exact copy or a near-duplicate in train or validation.

Barz and Denzler (2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates") found
duplicates of 3.25% of CIFAR-10's test images with the features of a network, and inspected each
pair. Here pixels decide: identical pixels make an exact copy, and correlated details
(`pipeline.data.duplicates.similarity`) a near-duplicate. No labels or networks are used, and nobody
inspects the pairs. Copies that were cropped, scaled or rotated are missed, and two aircraft in a
plain sky can be confused. So the pairs are about as many as theirs, but not the same.

What a correlation means depends on the images. Two photographs of different things hardly ever
reach 0.85; two different drawings of a digit mostly do. So the threshold is checked on pairs within
the training split. If such similarity is common there, it is no evidence of copies, and no
near-duplicates are reported.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import check_images
from pipeline.data.duplicates.exact_copies import exact_copies
from pipeline.data.duplicates.similarity import COARSE, best_outside, most_similar, small_pictures
from pipeline.storage.near_duplicates import (
    ALIKE,
    DUPLICATE_COLUMNS,
    EXACT,
    Duplicates,
    SimilarityCheck,
)

SIMILARITY = 0.85
"""Minimum correlation of a near-duplicate, set by inspecting pairs of CIFAR-10 images (pictures, no
labels). All 14 pairs between 0.85 and 0.86 showed the same photograph, and so did 74 sampled from
those up to 0.92, except one aircraft in front of two skies. Of 18 pairs between 0.84 and 0.85, two
or three showed different photographs (ships in the same place); of 22 between 0.82 and 0.84, seven.
327 of 10,000 test images are above it."""
SMALL_SIMILARITY = 0.995
"""The same for images with a side below 16 pixels, which have hardly any details: 344 of 359
bundled 8×8 digits have a partner above 0.85, and none has one above 0.985. Only copies exceed
this."""
LOOKED_AT = 2000
"""The most training images for checking the threshold."""

_LEARN = ("train", "validation")


def near_duplicates(
    images: Mapping[str, NDArray[np.uint8]],
    ids: Mapping[str, NDArray[np.integer]],
    similarity: float | None = None,
    looked_at: int = LOOKED_AT,
) -> Duplicates:
    """Find a copy or near-duplicate of each test image among train and validation images.

    Args:
        images: ``train``, ``validation`` and ``test`` -> (n, height, width, 3) uint8 in RGB order;
            may be memory-mapped.
        ids: the same splits -> (n,) ids of the images.
        similarity: the minimum correlation of a near-duplicate, in 0..1; by default that of
            `least_similarity`.
        looked_at: the most training images for checking the threshold.

    Returns:
        The pairs, exact copies first, then in descending order of similarity; near-duplicates are
        included only if the check finds that they mean something. Also, the exact copies in all
        splits.

    Raises:
        StudyError: if `images` are not images.
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


def near_duplicates_across_folds(
    images: NDArray[np.uint8],
    ids: NDArray[np.integer],
    folds: NDArray[np.integer],
    similarity: float | None = None,
    looked_at: int = LOOKED_AT,
) -> Duplicates:
    """Find a copy or near-duplicate of each image in another fold than its own.

    With cross-validation all splits hold all images, and the other folds are what the model that is
    tested on an image learns from and chooses by. They are called ``train`` in the result.

    Args:
        images: (n, height, width, 3) uint8 in RGB order; may be memory-mapped.
        ids: (n,).
        folds: (n,) the fold of each image.
        similarity: as in `near_duplicates`.
        looked_at: the most images for checking the threshold.

    Returns:
        As `near_duplicates`; a copy counts as a pair only where its original is in another fold.
    """
    check_images(images, "images")
    if similarity is None:
        similarity = least_similarity(images.shape)
    copies = exact_copies({"train": images}, {"train": ids}, ("train",))
    exact = _copies_across(copies, ids, folds)
    found = best_outside(images, small_pictures(images), folds, np.arange(len(images)))
    found = found[found["similarity"] >= similarity].sort_values(
        "similarity", ascending=False, kind="stable"
    )
    alike = pd.DataFrame(
        {
            "test_id": np.asarray(ids)[found["query"].to_numpy(dtype=np.intp)],
            "id": np.asarray(ids)[found["other"].to_numpy(dtype=np.intp)],
            "split": "train", "kind": ALIKE, "mirrored": found["mirrored"].to_numpy(dtype=bool),
            "similarity": found["similarity"].to_numpy(dtype=float).clip(max=1),
        }
    )  # fmt: skip
    alike = alike[~alike["test_id"].isin(exact["test_id"])]
    check = _check(images, ids, copies, similarity, len(alike), looked_at)
    pairs = pd.concat([exact, alike], ignore_index=True) if check.tells and len(alike) else exact
    return Duplicates(pairs.astype({"mirrored": bool}), copies, check)


def _copies_across(
    copies: pd.DataFrame, ids: NDArray[np.integer], folds: NDArray[np.integer]
) -> pd.DataFrame:
    """Return each image with a copy in another fold, and the first of these copies."""
    fold = dict(zip(np.asarray(ids).tolist(), np.asarray(folds).tolist(), strict=True))
    equal: dict[int, list[int]] = {}
    for each, first in zip(copies["id"].tolist(), copies["first_id"].tolist(), strict=True):
        equal.setdefault(first, [first]).append(each)
    rows = [
        (one, other, "train", EXACT, False, 1.0)
        for members in equal.values()
        for one in members
        if (other := next((each for each in members if fold[each] != fold[one]), None)) is not None
    ]
    return pd.DataFrame(rows, columns=list(DUPLICATE_COLUMNS)).astype({"mirrored": bool})


def least_similarity(shape: tuple[int, ...]) -> float:
    """Return the threshold for images of shape (n, height, width, 3)."""
    return SIMILARITY if min(shape[1:3]) >= COARSE else SMALL_SIMILARITY


def _exact_pairs(copies: pd.DataFrame) -> pd.DataFrame:
    """Return the test images that repeat a train or validation image."""
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
    """Return the wanted test images that have a near-duplicate in train or validation."""
    pairs = most_similar(images["test"], {split: images[split] for split in _LEARN})
    places = pairs["query"].to_numpy(dtype=np.intp)
    pairs = pairs[(pairs["similarity"] >= similarity) & wanted[places]]
    others = [ids[split][at] for split, at in zip(pairs["split"], pairs["other"], strict=True)]
    test_ids = np.asarray(ids["test"])[pairs["query"].to_numpy(dtype=np.intp)]
    # Rounding can lift the similarity of a mirrored copy slightly above 1.
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
) -> SimilarityCheck:
    """Count training images that are similar to another one, leaving out exact copies."""
    within = copies[copies["split"] == "train"]
    single = np.flatnonzero(~np.isin(ids, [*within["id"], *within["first_id"]]))
    if len(single) > looked_at:
        single = np.sort(np.random.default_rng(0).choice(single, looked_at, replace=False))
    found = most_similar(train[single], {"train": train}, own=single)["similarity"]
    # As far below the threshold as the threshold is below 1.
    below = 2 * similarity - 1
    return SimilarityCheck(
        similarity=similarity,
        images=len(single),
        alike=int((found >= similarity).sum()),
        nearly=int(((found >= below) & (found < similarity)).sum()),
        test_alike=test_alike,
    )
