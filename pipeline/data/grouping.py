"""Which images must stay in one split: those of a group, and copies and near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing
from pipeline.data.group_splits import assign_groups, group_counts
from pipeline.data.own_groups import joined, own_groups
from pipeline.data.spec import DatasetSpec, RawDataset
from pipeline.storage.splits import SPLITS


@dataclass(frozen=True)
class Kept:
    """What a split must not divide."""

    groups: NDArray[np.int64] | None
    """(all images of the dataset,); None if every image is on its own."""
    notes: tuple[str, ...] = ()

    def count(self, ids: NDArray[np.int64]) -> int:
        """Return how many groups there are among some images; 0 if every image is on its own."""
        return 0 if self.groups is None else len(np.unique(self.groups[ids]))


def kept_together(raw: RawDataset, spec: DatasetSpec, ids: NDArray[np.int64]) -> Kept:
    """Join the dataset's groups with those of copies and near-duplicates.

    Args:
        raw: the dataset.
        spec: its options.
        ids: the images that are divided here; others are not compared.
    """
    if not spec.joins_near_duplicates:
        return Kept(raw.groups)
    found = own_groups(raw.images[ids] if len(ids) < len(raw.images) else raw.images)
    notes = []
    if found.copies or found.alike:
        notes.append(
            f"{_many(found.copies, found.alike)}; they stay together in one split or fold "
            "(near_duplicates: group)."
        )
    if not found.tells:
        notes.append(
            "Unrelated images look as alike as near-duplicates here, so only exact copies are kept "
            "in one split."
        )
    own = np.arange(len(raw.images)) if raw.groups is None else raw.groups
    if not found.copies and not found.alike:
        return Kept(raw.groups, tuple(notes))
    # Each image of a group is paired with the first one, so that joined pairs join whole groups.
    places = np.arange(len(ids))
    _, first, inverse = np.unique(own[ids], return_index=True, return_inverse=True)
    pairs = np.concatenate(
        [np.stack([places, first[inverse]], axis=1), np.stack([places, found.groups], axis=1)]
    )
    groups = np.arange(len(raw.images))
    groups[ids] = ids[joined(places, pairs)]
    return Kept(groups, tuple(notes))


def _many(copies: int, alike: int) -> str:
    """Say how many images are copies or look alike."""
    copied = (
        "1 image is a copy of another one"
        if copies == 1
        else f"{copies:,} images are copies of others"
    )
    if not alike:
        return copied
    like = f"{alike:,} {'more ' if copies else ''}images look like another one"
    return f"{copied} and {like}" if copies else like


def divide_groups(
    ids: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    count: int,
    names: tuple[str, ...],
    split: str,
    kept_back: int,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training ids that remain, and about `count` that are split off, by groups.

    Args:
        ids: the images to divide.
        labels: (all images,).
        groups: (all images,).
        count: images to split off.
        names: of the classes.
        split: name of the part, for messages.
        kept_back: groups of each class that remain at least.
        seed: of the order in which equal groups are dealt.

    Raises:
        StudyError: if a class has too few groups to be in both parts.
    """
    numbers, counts = group_counts(groups[ids], labels[ids], len(names))
    share = count / len(ids)
    parts = assign_groups(counts, (share, 1 - share), (1, kept_back), seed)
    for part, needed, where in ((0, 1, split), (1, kept_back, "the rest")):
        have = (counts[parts == part] > 0).sum(axis=0)
        few = [f"{names[label]}" for label in np.flatnonzero(have < needed)]
        if few:
            all_groups = (counts > 0).sum(axis=0)
            found = listing(f"{n} ({all_groups[names.index(n)]})" for n in few)
            raise StudyError(
                f"dataset: found too few groups of images of these classes: {found}; expected at "
                f"least {1 + kept_back} of each, one for each split that is made, and none left "
                f"for {where}. Images of a group, and copies and near-duplicates, stay in one "
                "split. Add images of other groups, leave these classes out, or set "
                "dataset.near_duplicates: keep"
            )
    off = parts[numbers] == 0
    return ids[~off], ids[off]


def straddling(ids: dict[str, NDArray[np.int64]], groups: NDArray[np.int64] | None) -> str:
    """Say how many groups the source's own split folders divide; empty if none.

    Args:
        ids: split -> ids of its images.
        groups: (all images,); those of `dataset.groups` alone.
    """
    if groups is None:
        return ""
    of = {split: np.unique(groups[ids[split]]) for split in SPLITS}
    test = np.isin(groups[ids["test"]], np.concatenate([of["train"], of["validation"]]))
    validation = np.isin(groups[ids["validation"]], of["train"])
    if not test.any() and not validation.any():
        return ""
    return (
        f"The split folders divide groups: {int(test.sum()):,} of {len(test):,} test images are of "
        f"a group that is in train or validation as well, and {int(validation.sum()):,} of "
        f"{len(validation):,} validation images of one that is in train. They are not moved; "
        "accuracies may be too high. Use dataset.folds, or remove the split folders, to divide "
        "the images by groups."
    )
