"""The training images of a classical run: joined feature sets, with or without mirror images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_finite, check_labels
from pipeline.storage.splits import SPLITS

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class TrainingSet:
    """Feature sets of the training split, joined when they are needed.

    The sets may be memory-mapped. No joined array is kept: each fit gets its rows in a new array,
    which it may scale in place, and which is freed afterward.
    """

    sets: Sequence[NDArray[np.float32]]
    """(n, d) float32 each, in the order in which they are joined."""
    labels: NDArray[np.int64]
    """(n,)."""
    mirrors: Sequence[NDArray[np.float32]] | None = None
    """(n, d) each: features of the left-right mirror images, if the run learns from them too."""

    def __len__(self) -> int:
        """Return the number of distinct images."""
        return len(self.labels)

    @property
    def widths(self) -> list[int]:
        """The dimension of each set."""
        return [part.shape[1] for part in self.sets]

    def rows(
        self, chosen: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the features and labels of the chosen images, by default all, then of mirrors.

        Returns:
            (m, sum of d) new float32 array and (m,) labels; m is the number of chosen images, or
            twice that with mirrors, whose rows follow all originals in the same order.
        """
        chosen = np.arange(len(self)) if chosen is None else chosen
        count = len(chosen)
        labels = self.labels[chosen]
        halves = 1 if self.mirrors is None else 2
        joined = np.empty((halves * count, sum(self.widths)), dtype=np.float32)
        _fill(joined[:count], self.sets, chosen)
        if self.mirrors is None:
            return joined, labels
        _fill(joined[count:], self.mirrors, chosen)
        return joined, np.concatenate([labels, labels])


def join(sets: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the joined (n, sum of d) float32 features of a split that is not trained on."""
    joined = np.empty((len(sets[0]), sum(part.shape[1] for part in sets)), dtype=np.float32)
    _fill(joined, sets, np.arange(len(joined)))
    return joined


def checked_training_set(
    names: Sequence[str],
    features: Mapping[str, Sequence[NDArray]],
    labels: Mapping[str, NDArray],
    n_classes: int,
    mirrors: Sequence[NDArray] | None,
) -> TrainingSet:
    """Check all inputs of a run, and return its training images.

    Args:
        names: names of the feature sets, for messages.
        features: split -> the (n, d) float32 sets, for train, validation and test.
        labels: split -> (n,) int64, for train and validation.
        n_classes: labels are in [0, n_classes).
        mirrors: the (n, d) sets of the mirrored training images, if the run learns from them.

    Raises:
        StudyError: if features contain NaN or infinity or have the wrong number of rows, or if a
            class has no training image.
    """
    for split in SPLITS:
        expected = len(labels[split] if split in labels else features[split][0])
        _check_sets(names, features[split], expected, f"{split} split")
    if mirrors is not None:
        _check_sets(names, mirrors, len(labels["train"]), "mirrored training images")
    for split in ("train", "validation"):
        check_labels(labels[split], len(features[split][0]), n_classes, f"labels of {split}")
    missing = sorted(set(range(n_classes)) - set(labels["train"].tolist()))
    if missing:
        raise StudyError(
            f"classes {missing} have no training image; expected at least one of each of "
            f"{n_classes} classes. Run: dvc repro --force prepare"
        )
    return TrainingSet(features["train"], labels["train"], mirrors)


def _check_sets(names: Sequence[str], sets: Sequence[NDArray], expected: int, what: str) -> None:
    for name, part in zip(names, sets, strict=True):
        remedy = f"Regenerate it with: dvc repro --force featurize@{name}"
        if len(part) != expected:
            raise StudyError(
                f"feature set {name!r}: found {len(part):,} rows for the {what}; "
                f"expected {expected:,}. {remedy}"
            )
        try:
            check_finite(part, f"feature set {name!r}, {what}")
        except StudyError as error:
            raise StudyError(f"{error}. {remedy}") from None


def _fill(joined: NDArray[np.float32], sets: Sequence[NDArray], chosen: NDArray[np.int64]) -> None:
    # In blocks of rows: gathering a whole set at once would make a second copy of it.
    column = 0
    for part in sets:
        width = part.shape[1]
        for start in range(0, len(chosen), _BLOCK_ROWS):
            rows = chosen[start : start + _BLOCK_ROWS]
            joined[start : start + len(rows), column : column + width] = part[rows]
        column += width
