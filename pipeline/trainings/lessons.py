"""What a training learns from: rows and labels of the study, or of some of its classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.splits import load_labels, load_task
from pipeline.trainings.training import Training


@dataclass(frozen=True)
class Lesson:
    """The images to learn from and to validate on."""

    rows: dict[str, NDArray[np.int64] | None]
    """``train``, ``validation`` and ``test`` -> positions in the split; None for all of it."""
    labels: dict[str, NDArray[np.int64]]
    """``train`` and ``validation`` -> (n,) labels of these rows, in 0..n_classes-1."""
    n_classes: int


def lesson(training: Training) -> Lesson:
    """Return what a training learns from, its classes numbered from 0 if they are only some."""
    labels = {split: load_labels(split) for split in ("train", "validation")}
    rows: dict[str, NDArray[np.int64] | None] = {
        "train": training.rows,
        "validation": None,
        "test": None,
    }
    n_classes = load_task().n_classes
    if training.classes is not None:
        numbers = np.full(n_classes, -1, dtype=np.int64)
        numbers[list(training.classes)] = np.arange(len(training.classes))
        labels = {split: numbers[each] for split, each in labels.items()}
        for split, each in labels.items():
            there = _taken(np.arange(len(each)), rows[split])
            rows[split] = there[each[there] >= 0]
        n_classes = len(training.classes)
    return Lesson(rows, {split: _taken(labels[split], rows[split]) for split in labels}, n_classes)


def _taken(values: NDArray[np.int64], rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return values if rows is None else values[rows]
