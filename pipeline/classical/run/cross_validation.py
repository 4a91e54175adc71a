"""Training of a classical run with cross-validation: K models that are scored, one that is stored.

Each model calibrates, and chooses its options if the run has ranges to search, on its own
validation fold: nothing of a model depends on the images that it is tested on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.run.training import TrainedClassifier, train
from pipeline.classical.spec import ClassicalSpec
from pipeline.folds import Rows, fold_count, pooled, rows_of_model, rows_of_stored_model

Tune = Callable[..., Any]
"""`pipeline.classical.tuning.study.tune`."""
Sets = Sequence[NDArray[np.float32]]


@dataclass(frozen=True)
class Inputs:
    """What all models share, for all images."""

    features: Sets
    """(n, d) float32 each: the feature sets that the run joins."""
    labels: NDArray[np.int64]
    """(n,)."""
    folds: NDArray[np.int64]
    """(n,) the fold of each image."""
    n_classes: int
    mirrors: Sets | None = None
    """(n, d) each, of the mirrored images, if the run learns from them."""

    def rows(self, model: int | None) -> Rows:
        """Return split -> rows of one of the K models, or of the one that is stored (None)."""
        if model is None:
            return rows_of_stored_model(self.folds)
        return rows_of_model(self.folds, model)

    def of(
        self, model: int | None
    ) -> tuple[dict[str, list[NDArray[np.float32]]], dict[str, NDArray[np.int64]], Sets | None]:
        """Return the features, labels and mirrors of a model, as copies."""
        rows = self.rows(model)
        features = {s: [each[chosen] for each in self.features] for s, chosen in rows.items()}
        labels = {split: self.labels[rows[split]] for split in ("train", "validation")}
        mirrors = self.mirrors and [each[rows["train"]] for each in self.mirrors]
        return features, labels, mirrors


def models(inputs: Inputs) -> list[int | None]:
    """Return the numbers of the K models, then None for the one that is stored."""
    return [*range(fold_count(inputs.folds)), None]


def tune_each(spec: ClassicalSpec, inputs: Inputs, seed: int, tune: Tune) -> dict[int | None, Any]:
    """Search the options of each model on its own training and validation images.

    Args:
        spec: the run's options, with ranges to search.
        inputs: of the run.
        seed: of each search.
        tune: the search.

    Returns:
        Model -> what `tune` found.
    """
    found = {}
    for model in models(inputs):
        features, labels, mirrors = inputs.of(model)
        print(told(model, inputs), flush=True)
        found[model] = tune(spec, features, labels, inputs.n_classes, seed, mirrors)
    return found


def cross_validate(
    specs: Mapping[int | None, ClassicalSpec],
    inputs: Inputs,
    seed: int,
    on_model: Callable[[int | None, TrainedClassifier], None] = lambda model, trained: None,
) -> TrainedClassifier:
    """Train all models.

    Args:
        specs: model -> its options.
        inputs: of the run.
        seed: as in `train`.
        on_model: called with each model, before the next one replaces it in memory.

    Returns:
        The stored model, its calibrator, cost and learning curve, with the pooled scores and
        probabilities of the others: split -> (n, classes), in the order of the images.
    """
    scores: list[dict[str, NDArray[np.float32]]] = []
    probabilities: list[dict[str, NDArray[np.float32]]] = []
    for model in models(inputs):
        features, labels, mirrors = inputs.of(model)
        print(told(model, inputs), flush=True)
        trained = train(
            specs[model], features, labels, inputs.n_classes, seed, mirrors, curve=model is None
        )
        on_model(model, trained)
        if model is not None:
            scores.append(trained.scores)
            probabilities.append(trained.probabilities)
    return replace(
        trained,
        scores=pooled(inputs.folds, scores),
        probabilities=pooled(inputs.folds, probabilities),
    )


def told(model: int | None, inputs: Inputs) -> str:
    """Say which model is trained."""
    count = fold_count(inputs.folds)
    if model is None:
        return f"stored model, on all images but those of fold 1 of {count}"
    return f"fold {model + 1} of {count}"
