"""Training, validation and test images: seeded, stratified, the same for all runs.

The order of the steps keeps splits comparable: classes are selected first, then missing splits are
taken from the training images, and `limit` is applied last. So a different `limit` never moves an
image from one split to another, and a larger one includes the images of a smaller one. A class with
at least one image for each split has one in each, however unequal the class sizes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_images, check_known, check_labels, listing
from pipeline.data.folds import make_folds, small_classes
from pipeline.data.grouping import Kept, divide_groups, kept_together, straddling
from pipeline.data.reading.left_out import record
from pipeline.data.spec import DatasetSpec, RawDataset
from pipeline.data.stratified_parts import capped, divide, part_size, shuffled_labels
from pipeline.storage.source import Source
from pipeline.storage.splits import SPLITS

DEPENDENT = (
    "Intervals and tests treat the test images of a group as independent, so intervals may be too "
    "narrow; dataset.folds takes differences between groups into account."
)


@dataclass(frozen=True)
class Prepared:
    """The ids and labels of the images in each split."""

    ids: dict[str, NDArray[np.int64]]
    """split -> (n,) int64 positions in the `RawDataset`, ascending."""
    labels: dict[str, NDArray[np.int64]]
    """split -> (n,) int64 positions in `class_names`."""
    class_names: tuple[str, ...]
    """The selected classes, in the dataset's own order."""
    left_out: tuple[dict[str, Any], ...] = ()
    """Classes that are left out because they have too few images, as in `DatasetCard`."""
    folds: NDArray[np.int64] | None = None
    """(n,) the fold of each image, for cross-validation, where all splits hold all images."""
    notes: tuple[str, ...] = ()
    """Sentences about groups and folds."""
    groups: int = 0
    """Groups that were not divided; 0 if every image was on its own."""


def make_splits(raw: RawDataset, spec: DatasetSpec, seed: int) -> Prepared:
    """Select the classes, complete the splits, and apply `limit`.

    With `shuffle_labels`, the labels of the training and validation images are permuted at the
    end, so that splits contain the same images as without it. Test labels are not changed.

    Args:
        raw: the dataset, as in its source.
        spec: the dataset's options.
        seed: the same seed, data and options give the same splits.

    Raises:
        StudyError: if a split would have no image of some class, if no training image would be
            left, if a class is unknown or has too few images, or if there is only one class.
    """
    _check_raw(raw)
    kept, small = _kept_classes(raw, spec)
    renumbered = np.full(len(raw.class_names), -1, dtype=np.int64)
    renumbered[kept] = np.arange(len(kept))
    labels = renumbered[raw.labels]
    names = tuple(raw.class_names[old] for old in kept)
    left_out = (record(*small),) if small[1] else ()
    if spec.fold_count is not None:
        return _cross_validated(raw, spec, labels, names, seed, left_out)
    ids = {s: np.flatnonzero((raw.split == s) & (labels >= 0)) for s in SPLITS}
    _check_every_class(ids["train"], labels, names, "train", "Add training images")
    taken = [split for split in ("test", "validation") if not len(ids[split])]
    _check_enough(ids["train"], labels, names, len(taken) + 1)
    kept_whole = kept_together(raw, spec, ids["train"]) if taken else Kept(raw.groups)
    for split, part in (("test", spec.test_part), ("validation", spec.validation)):
        if split in taken:
            if part is None or np.any(raw.split == split):
                raise StudyError(
                    f"dataset: found no {split} image of the classes {listing(names)}; expected "
                    "some of each class"
                )
            kept_back = len(taken) - taken.index(split)
            count = part_size(ids["train"], labels, part, split, kept_back)
            if kept_whole.groups is None:
                divided = divide(ids["train"], labels, count, seed, kept_back)
            else:
                divided = divide_groups(
                    ids["train"], labels, kept_whole.groups, count, names, split, kept_back, seed
                )
            ids["train"], ids[split] = divided
    for split in SPLITS:
        remedy = "Use more images, or other sizes for dataset.validation and dataset.test"
        _check_every_class(ids[split], labels, names, split, remedy)
        ids[split] = capped(ids[split], labels, spec.limit, seed)
        remedy = f"Raise dataset.limit ({spec.limit}), or choose fewer classes"
        _check_every_class(ids[split], labels, names, split, remedy)
    chosen = {split: labels[ids[split]] for split in SPLITS}
    labels_of = shuffled_labels(chosen, seed) if spec.shuffle_labels else chosen
    divided_groups, grouped = straddling(ids, raw.groups), raw.groups is not None
    notes = (*kept_whole.notes, *filter(None, (divided_groups, DEPENDENT if grouped else "")))
    used = np.concatenate(list(ids.values()))
    return Prepared(ids, labels_of, names, left_out, None, notes, kept_whole.count(used))


def _cross_validated(
    raw: RawDataset,
    spec: DatasetSpec,
    labels: NDArray[np.int64],
    names: tuple[str, ...],
    seed: int,
    left_out: tuple[dict[str, Any], ...],
) -> Prepared:
    """Deal all images to folds, whatever the source's splits; see `pipeline.folds`."""
    count = spec.fold_count or 0
    every = capped(np.flatnonzero(labels >= 0), labels, spec.limit, seed)
    _check_every_class(every, labels, names, "kept", "Raise dataset.limit, or add images")
    kept_whole = kept_together(raw, spec, every)
    own, groups = labels[every], kept_whole.groups
    groups = None if groups is None else groups[every]
    folds = make_folds(own, groups, count, names, seed)
    found = np.unique(raw.split[every])
    merged = (
        f"The split folders ({listing(s for s in SPLITS if s in found)}) are merged: with "
        "cross-validation, every image is tested once."
        if len(found) > 1
        else ""
    )
    notes = (*kept_whole.notes, merged, small_classes(own, groups, count, names))
    learned = (
        shuffled_labels(dict.fromkeys(SPLITS, own), seed)["train"] if spec.shuffle_labels else own
    )
    return Prepared(
        ids=dict.fromkeys(SPLITS, every),
        labels={"train": learned, "validation": learned, "test": own},
        class_names=names,
        left_out=left_out,
        folds=folds,
        notes=tuple(filter(None, notes)),
        groups=kept_whole.count(every),
    )


def title_and_description(spec: DatasetSpec, source: Source) -> tuple[str, str]:
    """Return the title and description of the images; both mention shuffled labels."""
    title = spec.title or source.name
    if not spec.shuffle_labels:
        return title, source.description
    return (
        f"{title}, labels shuffled",
        f"{source.description}; a control: training and validation labels are permuted at random, "
        "so that no run may do better than chance on the test images",
    )


def _check_raw(raw: RawDataset) -> None:
    n = len(raw.images)
    check_images(raw.images, "dataset")
    check_labels(raw.labels, n, len(raw.class_names), "dataset labels")
    for what, values in (("splits", raw.split), ("image names", raw.image_names)):
        if values.shape != (n,):
            raise StudyError(f"dataset {what}: found shape {values.shape}; expected ({n},)")
    for split in np.unique(raw.split):
        check_known(str(split), SPLITS, "split")


def _kept_classes(raw: RawDataset, spec: DatasetSpec) -> tuple[list[int], tuple[str, list[str]]]:
    """Return the classes to use, then a label and the names of those with too few images."""
    for name in spec.classes or ():
        try:
            check_known(name, raw.class_names, "class")
        except StudyError as error:
            raise StudyError(f"dataset.classes: {error}") from None
    wanted = [
        index
        for index, name in enumerate(raw.class_names)
        if spec.classes is None or name in spec.classes
    ]
    least = spec.min_per_class or 0
    counts = np.bincount(raw.labels, minlength=len(raw.class_names))
    kept = [index for index in wanted if counts[index] >= least]
    small = [raw.class_names[index] for index in wanted if counts[index] < least]
    if len(kept) < 2 and small:
        raise StudyError(
            f"dataset.min_per_class: found fewer than {least:,} images of {listing(small)}, which "
            f"leaves {len(kept)} of {len(wanted)} classes; expected at least two. Lower the "
            "option, or add images"
        )
    if len(kept) < 2:
        raise StudyError(
            f"dataset: found only one class ({listing(raw.class_names)}); expected at least two. "
            "Add images of another class"
        )
    return kept, (f"class with fewer than {least:,} images", small)


def _check_enough(
    ids: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...], splits: int
) -> None:
    """Raise `StudyError` for classes with fewer training images than splits to fill from them."""
    counts = np.bincount(labels[ids], minlength=len(names))
    small = np.flatnonzero(counts < splits)
    if small.size:
        # The option counts the images of all splits together.
        every = np.bincount(labels[labels >= 0], minlength=len(names))
        least = max(splits, int(every[small].max()) + 1)
        found = listing(f"{names[index]} ({counts[index]})" for index in small)
        raise StudyError(
            f"dataset: found too few images of these classes: {found}; expected at least {splits} "
            f"of each, one for each of {splits} splits. Add images, or leave these classes out "
            f"with dataset.min_per_class: {least}"
        )


def _check_every_class(
    ids: NDArray[np.int64],
    labels: NDArray[np.int64],
    names: tuple[str, ...],
    split: str,
    remedy: str,
) -> None:
    counts = np.bincount(labels[ids], minlength=len(names))
    if len(ids) < len(names):
        raise StudyError(
            f"dataset: found {len(ids)} {split} images for {len(names)} classes; expected at "
            f"least one of each class. {remedy}"
        )
    if not counts.all():
        missing = [names[index] for index in np.flatnonzero(counts == 0)]
        raise StudyError(
            f"dataset: found no {split} image of {listing(missing)}; expected at least one of "
            f"each class. {remedy}"
        )
