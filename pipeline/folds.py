"""Cross-validation: which images each model learns from, and whose predictions count.

The images are divided into K folds. Model k is tested on fold k, takes fold k + 1 (mod K) as its
validation split, and learns from all others. So over the K models each image is tested once, by a
model that has neither learned from it nor chosen anything by it, and validates once. Its training
prediction is that of the model for which its fold is k + 2. One more model, which is stored, learns
from all images but those of fold 0, by which it chooses and calibrates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_FOLDS = 3
"""Below that, no fold is left to learn from."""

Rows = dict[str, NDArray[np.int64]]
"""Split -> positions of its images, ascending."""


def fold_count(folds: NDArray[np.integer]) -> int:
    """Return the number of folds, given the (n,) fold of each image, from 0."""
    return int(folds.max()) + 1


def rows_of_model(folds: NDArray[np.integer], model: int) -> Rows:
    """Return the images that one of the K models trains, validates and is tested on.

    Args:
        folds: (n,) the fold of each image.
        model: from 0.
    """
    validation = (model + 1) % fold_count(folds)
    return {
        "train": np.flatnonzero((folds != model) & (folds != validation)),
        "validation": np.flatnonzero(folds == validation),
        "test": np.flatnonzero(folds == model),
    }


def rows_of_stored_model(folds: NDArray[np.integer]) -> Rows:
    """Return the images of the model that is stored; it is timed on its validation images."""
    validation = np.flatnonzero(folds == 0)
    return {"train": np.flatnonzero(folds != 0), "validation": validation, "test": validation}


def pooled(
    folds: NDArray[np.integer], parts: Sequence[Mapping[str, NDArray[np.float32]]]
) -> dict[str, NDArray[np.float32]]:
    """Join the scores of the K models, so that each image has one row in each split.

    Args:
        folds: (n,) the fold of each image.
        parts: of each model, split -> (m, classes) in the order of `rows_of_model`; all models have
            the same splits.

    Returns:
        Split -> (n, classes) float32.
    """
    count = fold_count(folds)
    joined: dict[str, NDArray[np.float32]] = {}
    for split in parts[0]:
        shape = (len(folds), parts[0][split].shape[1])
        joined[split] = np.empty(shape, dtype=np.float32)
        for model, part in enumerate(parts):
            rows = rows_of_model(folds, model)[split]
            chosen = slice(None) if split != "train" else folds[rows] == (model + 2) % count
            joined[split][rows[chosen]] = part[split][chosen]
    return joined


def largest_sizes(folds: NDArray[np.integer]) -> dict[str, int]:
    """Return split -> the most images of any model, for estimates of memory.

    Those of ``test`` include all images once more: each model gets copies of their features.
    """
    sizes = np.bincount(folds)
    largest, n = int(sizes.max()), len(folds)
    return {"train": int(n - sizes[0]), "validation": largest, "test": largest + n}


def folds_note(folds: NDArray[np.integer]) -> dict[str, Any]:
    """Return the note on a run's card: how many models there are, and what the stored one is.

    The card's `train_seconds` and `tuning_seconds` are of the stored model, as are the learning
    curves and the trials of the search; `stage_seconds` are of all models.
    """
    return {
        "folds": {
            "count": fold_count(folds),
            "stored_model": "trained on all images but those of the first fold, which are its "
            "validation images",
        }
    }
