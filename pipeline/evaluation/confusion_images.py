"""The test images behind the cells of a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.confusion import confusion_counts
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.results import CELL_PICTURES, CONFUSION_IMAGE_COLUMNS

PER_CELL = 4
"""Images of one cell, the most."""
MOST_WRONG = 360
"""Images of a run off the diagonal, the most: of ten classes every cell gets its images."""
MOST_RIGHT = 40
"""Images of a run on the diagonal, the most."""


def confusion_images_table(best: Mapping[str, ScoredRun], answers: Answers) -> pd.DataFrame:
    """List the images of cells, columns `CONFUSION_IMAGE_COLUMNS`, of each best run's first seed.

    Of a cell the images of the highest confidence come first, at most `PER_CELL`; ranks start at 1.
    Cells stand in the order of the classes. Where many classes have more images than `MOST_WRONG`
    or `MOST_RIGHT`, the cells of fewest images get none.
    """
    labels, ids = np.asarray(answers.labels["test"]), np.asarray(answers.ids["test"])
    names = answers.class_names
    rows = []
    for run in best.values():
        predicted, confidence = run.predicted[0]["test"], run.confidence
        counts = confusion_counts(predicted, labels, len(names))
        cells = labels * len(names) + predicted
        # By cell, then from the most confident down; the sort is stable, so equal ones keep theirs.
        order = np.lexsort((-confidence, cells))
        starts = np.searchsorted(cells[order], np.arange(counts.size))
        for cell in pictured_cells(counts):
            actual, said = divmod(int(cell), len(names))
            first = starts[cell]
            found = order[first : first + min(PER_CELL, counts[actual, said])]
            for rank, position in enumerate(found, start=1):
                image = int(ids[position])
                rows.append(
                    (
                        run.name,
                        names[actual],
                        names[said],
                        rank,
                        image,
                        f"{CELL_PICTURES}/{image}.jpg",
                        float(confidence[position]),
                    )
                )
    return pd.DataFrame(rows, columns=list(CONFUSION_IMAGE_COLUMNS))


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
