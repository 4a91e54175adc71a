"""Confusion matrices: which class each run predicts for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.page.study import StudyResults

MOST_RUNS = 12
"""Matrices on the page; those of the other runs are in ``confusion.csv``."""
COUNTED_CLASSES = 12
"""Up to so many classes, a cell holds its count."""
NAMED_CLASSES = 24
"""Up to so many classes, rows and columns are labeled with their names."""


@dataclass(frozen=True)
class ConfusionMatrix:
    """One run: (classes, classes) counts, rows the actual class, columns the predicted one."""

    run: str
    family: str
    class_names: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Counts as shares of their row; 0 in a row without images."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return self.counts / np.maximum(totals, 1)

    @property
    def alt(self) -> str:
        """The matrix in a sentence."""
        share = np.trace(self.counts) / max(1, self.counts.sum())
        wrong = self.counts - np.diag(np.diag(self.counts))
        text = f"Confusion matrix of {self.run}: {share:.1%} on the diagonal"
        if not wrong.any():
            return f"{text}."
        actual, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
        names = self.class_names
        return (
            f"{text}; the most frequent error is {names[actual]} classified as {names[predicted]}: "
            f"{wrong.max():,} of {self.counts[actual].sum():,}."
        )


def confusion_matrices(study: StudyResults) -> list[ConfusionMatrix]:
    """Read the matrices of the first `MOST_RUNS` runs, in the order of the accuracy table."""
    names = tuple(study.dataset["class_names"])
    index = {name: position for position, name in enumerate(names)}
    groups = study.tables["confusion"].groupby("run", sort=False)
    parts = {str(run): part for run, part in groups}
    matrices = []
    for row in study.tables["accuracy"].head(MOST_RUNS).itertuples():
        part = parts[str(row.run)]
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        counts[part["actual"].map(index), part["predicted"].map(index)] = part["count"]
        matrices.append(ConfusionMatrix(str(row.run), str(row.family), names, counts))
    return matrices
