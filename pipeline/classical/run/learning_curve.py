"""How the accuracy of a classical run grows with its training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.run.scaling import prepare_in_place
from pipeline.classical.run.scores import accuracy, decision_scores, training_scores
from pipeline.classical.run.training_set import TrainingSet
from pipeline.classical.spec import ClassicalSpec
from pipeline.sampling import nested_sizes, stratified_order


def learning_curve(
    spec: ClassicalSpec,
    training: TrainingSet,
    validation: NDArray[np.float32],
    validation_labels: NDArray[np.int64],
    n_classes: int,
    seed: int,
) -> list[tuple]:
    """Fit on nested, stratified subsets of the training split, each with its own mirror images.

    Args:
        spec: the run's options.
        training: all training images.
        validation: (n, d) joined features of the validation split.
        validation_labels: (n,) labels of the validation split.
        n_classes: labels are in [0, n_classes). Subsets without all classes are left out.
        seed: seed for the subsets and the classifier.

    Returns:
        Rows of `HISTORY_COLUMNS` for each size except that of all images, which is the run itself.
        x counts distinct images; training accuracy is on these, not on their mirror images.
    """
    order = stratified_order(training.labels, seed)
    rows: list[tuple] = []
    for size in nested_sizes(len(order), n_classes)[:-1]:
        chosen = np.sort(order[:size])
        if len(np.unique(training.labels[chosen])) < n_classes:
            continue
        features, labels = training.rows(chosen)
        model = spec.build(seed, training.widths)
        features = prepare_in_place(model, features)
        spec.fit_classifier(model, features, labels)
        rows += curve_rows(
            size,
            accuracy(
                training_scores(model["classify"], features[:size]), labels[:size], model.classes_
            ),
            accuracy(decision_scores(model, validation), validation_labels, model.classes_),
        )
        del features  # frees memory for the next subset
    return rows


def curve_rows(size: int, train: float, validation: float) -> list[tuple]:
    """Print and return the two rows of one size."""
    print(f"{size:>7,} images: train {train:.1%}, validation {validation:.1%}", flush=True)
    return [
        (size, "images", "train", "accuracy", train),
        (size, "images", "validation", "accuracy", validation),
    ]
