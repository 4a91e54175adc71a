"""The labels that all runs are scored against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_labels
from pipeline.class_balance import are_unequal
from pipeline.statistics.proportions import Proportion
from pipeline.storage.splits import SPLITS

ChosenBy = Literal["accuracy", "balanced accuracy"]


@dataclass(frozen=True)
class Labels:
    """The class of every image, by split."""

    class_names: tuple[str, ...]
    by_split: Mapping[str, NDArray[np.integer]]
    """split -> (n,) labels in [0, classes)."""
    ids: Mapping[str, NDArray[np.integer]]
    """split -> (n,) image ids, in the order of the labels."""
    folds: NDArray[np.integer] | None = None
    """(n,) the fold of each image of a cross-validation, where all splits hold all images, in the
    same order; None without one."""

    @property
    def validation(self) -> NDArray[np.integer]:
        """(n,) labels of the validation split."""
        return np.asarray(self.by_split["validation"])

    @property
    def test(self) -> NDArray[np.integer]:
        """(n,) labels of the test split."""
        return np.asarray(self.by_split["test"])

    @property
    def test_ids(self) -> NDArray[np.integer]:
        """(n,) image ids of the test split."""
        return np.asarray(self.ids["test"])

    @property
    def majority(self) -> tuple[tuple[str, ...], Proportion]:
        """The most common classes of the training split, and always predicting one of them.

        That is the baseline without a look at any image: the share of the test images that are of
        this class. Of several that are equally common it is the one with the largest share.
        """
        counts = np.bincount(np.asarray(self.by_split["train"]), minlength=len(self.class_names))
        common = np.flatnonzero(counts == counts.max())
        right = int(np.bincount(self.test, minlength=len(counts))[common].max())
        names = tuple(self.class_names[each] for each in common)
        return names, Proportion(right, len(self.test))

    @cached_property
    def chosen_by(self) -> ChosenBy:
        """What choices go by on the validation split.

        Balanced accuracy where the largest class of the training split is over 1.5 times the
        smallest; elsewhere accuracy.
        """
        return "balanced accuracy" if are_unequal(self.by_split["train"]) else "accuracy"

    @property
    def largest_to_smallest(self) -> float:
        """The size of the largest class of the training split, relative to the smallest."""
        counts = np.unique(self.by_split["train"], return_counts=True)[1]
        return float(counts.max() / counts.min())

    def check(self) -> None:
        """Raise `StudyError` unless each split has one label per image, of a known class."""
        for split in SPLITS:
            n = len(self.ids[split])
            if n == 0:
                raise StudyError(f"the {split} split has no image; run: dvc repro prepare")
            labels = np.asarray(self.by_split[split])
            check_labels(labels, n, len(self.class_names), f"labels of {split}")
        if self.folds is not None:
            self._check_folds(self.folds)

    def _check_folds(self, folds: NDArray[np.integer]) -> None:
        """Raise `StudyError` unless each image is in each split, and has a fold."""
        same = all(np.array_equal(self.ids[split], self.test_ids) for split in SPLITS)
        if folds.shape != self.test_ids.shape or not same:
            raise StudyError(
                f"found the folds of {folds.size:,} images for {len(self.test_ids):,} test images; "
                "expected a fold for each image, and all images in all splits. Run: dvc repro "
                "--force prepare"
            )
