"""The search for a run's options, on training and validation images only.

How options are proposed and trials are pruned: `pipeline.tuning.trials`. A trial trains on nested,
stratified subsets of the training split, and may be pruned after a quarter or half of the images.
It is scored by its accuracy on the whole validation split, or by its balanced accuracy if the
largest class of the training split is over 1.5 times the smallest.

The result has two limitations. Options that suit few images may not be the best for all
(`images: null` searches with all), and the winner's validation accuracy is optimistic, because it
is the best of many.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.classical.run.training_set import checked_training_set, join
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.tuning.search import Search, with_chosen


@dataclass(frozen=True)
class Tuned:
    """What a search found, and what it cost."""

    spec: ClassicalSpec
    """The run with the chosen options and its original `tune`."""
    trials: pd.DataFrame
    """Columns `TUNING_COLUMNS`, in chronological order."""
    seconds: float
    notes: dict[str, Any]
    """For the card: trials, images, pruned, best_validation_accuracy, chosen, ranges; chosen_by if
    that is not the accuracy."""


def tune(
    spec: ClassicalSpec,
    features: Mapping[str, Sequence[NDArray[np.float32]]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    mirrors: Sequence[NDArray[np.float32]] | None = None,
) -> Tuned:
    """Search the ranges of ``spec.tune``; the same seed gives the same trials.

    A search is part of the method and costs many fits, so a run has only one. With several seeds,
    the first searches, and all are trained with its result. Ties go to the first trial.

    Args:
        spec: the run's options; `tune` is required.
        features: split -> the (n, d) float32 feature sets that the run joins; those of the test
            split are checked, but not used otherwise.
        labels: split -> (n,) int64, for train and validation only.
        n_classes: labels are in [0, n_classes).
        seed: seed for the search, the nested subsets of the training split, and the classifier.
        mirrors: the (n, d) float32 sets of the mirrored training images if ``spec.mirrored``;
            each subset of the training split includes its own.

    Raises:
        StudyError: as in `train`, or if options that were sampled together are incompatible.
        ValueError: if ``spec.tune`` is None.
    """
    if spec.tune is None:
        raise ValueError("found no `tune` in the options; expected ranges to search")
    training = checked_training_set(spec.features, features, labels, n_classes, mirrors)
    search = Search(
        spec, spec.tune, training, join(features["validation"]), labels["validation"], seed
    )
    search.run()
    return Tuned(
        spec=with_chosen(spec, search.trials.best["options"]).model_copy(
            update={"tune": spec.tune}
        ),
        trials=search.trials.table,
        seconds=time.perf_counter() - search.progress.started,
        notes=search.trials.notes(search.balanced),
    )
