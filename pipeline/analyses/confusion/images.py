"""The test images behind the cells of a confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.confusion import confusion_counts

PER_CELL = 4
"""Images of one cell, the most."""
MOST_WRONG = 360
"""Images of a run off the diagonal, the most: of ten classes every cell gets its images."""
MOST_RIGHT = 40
"""Images of a run on the diagonal, the most."""


@dataclass(frozen=True)
class CellImage:
    """One image behind a cell."""

    actual: int
    """Its class."""
    predicted: int
    rank: int
    """Within the cell, from 1 on, the most confident first."""
    position: int
    """In the test split."""


def cell_images(
    predicted: NDArray[np.integer],
    labels: NDArray[np.integer],
    confidence: NDArray[np.floating],
    n_classes: int,
) -> Iterator[CellImage]:
    """Yield the images of the cells, the cells in the order of the classes.

    Of each cell the images of the highest confidence come first, at most `PER_CELL`. Where many
    classes have more images than `MOST_WRONG` or `MOST_RIGHT`, the cells of fewest images get none.

    Args:
        predicted: (n,) predicted classes in [0, n_classes).
        labels: (n,) of the same images.
        confidence: (n,) the probability of the predicted class.
        n_classes: number of classes.
    """
    counts = confusion_counts(predicted, labels, n_classes)
    cells = labels * n_classes + predicted
    # By cell, then from the most confident down; the sort is stable, so equal ones keep theirs.
    order = np.lexsort((-confidence, cells))
    starts = np.searchsorted(cells[order], np.arange(counts.size))
    for cell in pictured_cells(counts):
        actual, said = divmod(int(cell), n_classes)
        first = starts[cell]
        found = order[first : first + min(PER_CELL, counts[actual, said])]
        for rank, position in enumerate(found, start=1):
            yield CellImage(actual, said, rank, int(position))


def pictured_cells(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Choose the cells whose images are shown, the most frequent ones first on either budget.

    Args:
        counts: (classes, classes), rows the actual class, columns the predicted one.

    Returns:
        Ascending positions in the flattened matrix; of equally frequent cells, the earlier goes
        first.
    """
    right = np.eye(len(counts), dtype=bool).ravel()
    flat = counts.ravel()
    chosen = []
    for part, most in ((~right, MOST_WRONG), (right, MOST_RIGHT)):
        order = np.argsort(-flat, kind="stable")
        order = order[part[order] & (flat[order] > 0)]
        shown = np.cumsum(np.minimum(flat[order], PER_CELL))
        chosen.append(order[shown <= most])
    return np.sort(np.concatenate(chosen)).astype(np.int64)
