"""Stratified parts of a set of images, and permuted labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.data.spec import Part
from pipeline.sampling import stratified_order


def part_size(
    ids: NDArray[np.int64], labels: NDArray[np.int64], part: Part, split: str, kept_back: int
) -> int:
    """Return how many images to split off.

    A fraction is rounded so that each class gives up at least one image and keeps `kept_back`; a
    count is used unchanged.
    """
    classes = len(np.unique(labels[ids]))
    most = len(ids) - kept_back * classes
    count = part if isinstance(part, int) else min(max(round(part * len(ids)), classes), most)
    if count >= len(ids):
        raise StudyError(
            f"dataset.{split}: found {part}, which is {count:,} of {len(ids):,} training images; "
            "expected fewer, so that some remain to train on"
        )
    return count


def divide(
    ids: NDArray[np.int64], labels: NDArray[np.int64], count: int, seed: int, kept_back: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training ids that remain, and the stratified part that is split off.

    Each class gives up at least one image and keeps at least `kept_back`, as far as the size of the
    part allows.
    """
    order = _fair_order(labels[ids], seed, kept_back)
    return np.sort(ids[order[count:]]), np.sort(ids[order[:count]])


def capped(
    ids: NDArray[np.int64], labels: NDArray[np.int64], limit: int | None, seed: int
) -> NDArray[np.int64]:
    """Return at most `limit` of the images, stratified; a larger limit includes these."""
    if limit is None or limit >= len(ids):
        return ids
    return np.sort(ids[_fair_order(labels[ids], seed)[:limit]])


def _fair_order(labels: NDArray[np.int64], seed: int, kept_back: int = 0) -> NDArray[np.int64]:
    """Return a stratified order in which both prefixes and remainders contain every class.

    It is `stratified_order` with the first image of each class moved to the front and the last
    `kept_back` of each moved to the end. If a prefix contains all of the former and none of the
    latter, as with hundreds of images per class, it is the same set as without the moves.
    """
    order = stratified_order(labels, seed)
    ordered = labels[order]
    place = np.zeros(len(order), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(ordered == label)
        place[members[max(1, len(members) - kept_back) :]] = 1
        place[members[0]] = -1
    return order[np.argsort(place, kind="stable")]


def shuffled_labels(
    labels: dict[str, NDArray[np.int64]], seed: int
) -> dict[str, NDArray[np.int64]]:
    """Permute the labels of all splits except test; the number of each label is unchanged.

    The images of each class get all labels in proportion. A plain permutation would leave a class
    with slightly more of one label than of the others. A run that can tell classes apart would then
    predict that label for the whole class, and be right or wrong on whole classes at once: at
    chance on average over permutations, but for any one permutation farther from it than an
    interval for independent images allows.
    """
    rng = np.random.default_rng(seed)
    shuffled = dict(labels)
    for split in ("train", "validation"):
        one = labels[split]
        by_class = np.lexsort((rng.random(len(one)), one))
        shuffled[split] = np.empty_like(one)
        # Every stretch of a stratified order contains the labels in proportion.
        shuffled[split][by_class] = one[stratified_order(one, seed)]
    return shuffled
