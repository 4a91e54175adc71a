"""The labels that all runs are scored against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_labels
from pipeline.storage.splits import SPLITS


@dataclass(frozen=True)
class Labels:
    """The class of every image, by split."""

    class_names: tuple[str, ...]
    by_split: Mapping[str, NDArray[np.integer]]
    """split -> (n,) labels in [0, classes)."""
    ids: Mapping[str, NDArray[np.integer]]
    """split -> (n,) image ids, in the order of the labels."""

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
    def majority_share(self) -> float:
        """The share of the most common class among the test images."""
        counts = np.bincount(self.test)
        return float(counts.max() / counts.sum())

    def check(self) -> None:
        """Raise `StudyError` unless each split has one label per image, of a known class."""
        for split in SPLITS:
            n = len(self.ids[split])
            if n == 0:
                raise StudyError(f"the {split} split has no image; run: dvc repro prepare")
            labels = np.asarray(self.by_split[split])
            check_labels(labels, n, len(self.class_names), f"labels of {split}")
