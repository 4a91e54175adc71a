"""Which class is taken for which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix


def confusion_counts(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], n_classes: int
) -> NDArray[np.int64]:
    """Return (classes, classes) counts: rows are the actual class, columns the predicted one."""
    counts = confusion_matrix(labels, predicted, labels=np.arange(n_classes))
    return counts.astype(np.int64)
