"""Stratified, grouped folds for cross-validation, and what to say of small classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing
from pipeline.data.group_splits import assign_groups, group_counts
from pipeline.folds import LEAST_FOLDS


def make_folds(
    labels: NDArray[np.integer],
    groups: NDArray[np.integer] | None,
    count: int,
    names: tuple[str, ...],
    seed: int,
) -> NDArray[np.int64]:
    """Return the (n,) fold of each image, from 0.

    Without groups, the numbers of images of two folds differ by at most one, of each class and in
    all. Groups are dealt as near to that as they allow.

    Args:
        labels: (n,) in [0, classes).
        groups: (n,) the group of each image; None if each image is its own.
        count: number of folds.
        names: of the classes.
        seed: the same seed gives the same folds.

    Raises:
        StudyError: if a class is in fewer than three folds: a model would have no training image of
            it.
    """
    _check_enough(labels, groups, names)
    if groups is None:
        folds = _dealt_in_turn(labels, count, seed)
    else:
        numbers, counts = group_counts(groups, labels, len(names))
        folds = assign_groups(counts, [1 / count] * count, [0] * count, seed)[numbers]
    spans = [len(np.unique(folds[labels == label])) for label in range(len(names))]
    few = [f"{name} (in {span})" for name, span in zip(names, spans, strict=True) if span < 3]
    empty = count - len(np.unique(folds))
    if few or empty:
        found = f"of {count} folds, {empty} without any image" if empty else listing(few)
        raise StudyError(
            f"dataset.folds: found groups that cannot be dealt to {count} folds: {found}; expected "
            f"images of each class in at least {LEAST_FOLDS} folds. Lower dataset.folds, add "
            "images of other groups, or divide large groups"
        )
    return folds


def small_classes(
    labels: NDArray[np.integer],
    groups: NDArray[np.integer] | None,
    count: int,
    names: tuple[str, ...],
) -> str:
    """Say which classes have fewer images, or groups, than folds; empty if none has."""
    have = _units(labels, groups, len(names))
    few = [f"{name} ({units})" for name, units in zip(names, have, strict=True) if units < count]
    if not few:
        return ""
    unit = "images" if groups is None else "groups of images"
    return (
        f"Classes with fewer {unit} than the {count} folds, so that some folds have none: "
        f"{listing(few)}."
    )


def _check_enough(
    labels: NDArray[np.integer], groups: NDArray[np.integer] | None, names: tuple[str, ...]
) -> None:
    have = _units(labels, groups, len(names))
    few = [f"{n} ({units})" for n, units in zip(names, have, strict=True) if units < LEAST_FOLDS]
    if few:
        unit = "images" if groups is None else "groups of images"
        raise StudyError(
            f"dataset.folds: found too few {unit} of these classes: {listing(few)}; expected at "
            f"least {LEAST_FOLDS} of each: one to train, one to validate, one to test on. Add "
            "images, or leave these classes out with dataset.classes or dataset.min_per_class"
        )


def _units(
    labels: NDArray[np.integer], groups: NDArray[np.integer] | None, classes: int
) -> list[int]:
    """Return how many images, or groups, each class has."""
    if groups is None:
        return [int(found) for found in np.bincount(labels, minlength=classes)]
    return [len(np.unique(groups[labels == label])) for label in range(classes)]


def _dealt_in_turn(labels: NDArray[np.integer], count: int, seed: int) -> NDArray[np.int64]:
    """Deal each class in random order, the next class where the last one stopped."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % count
    return folds
