"""Training of a classical run: the fitted model, its scores, and its learning curve."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from pipeline.artefacts import HISTORY_COLUMNS, SPLITS
from pipeline.checks import StudyError, check_finite, check_labels
from pipeline.classical.spec import ClassicalSpec, stored_numbers, two_columns
from pipeline.sampling import nested_sizes, stratified_order


@dataclass(frozen=True)
class TrainedClassifier:
    """A fitted classical run."""

    model: Pipeline
    """Scaling and classifier, fitted on all training images."""
    scores: dict[str, NDArray[np.float32]]
    """split -> (n, classes) decision scores."""
    history: pd.DataFrame
    """Columns `HISTORY_COLUMNS`; x counts training images."""
    parameters: int
    fit_seconds: float
    """Fitting on all training images, alone."""
    predict_seconds_per_image: float
    """From features to scores, on the test split."""


@dataclass(frozen=True)
class PixelClassifier:
    """A fitted run from pixels on: extractors and classifier, as it is stored."""

    extractors: tuple[Any, ...]
    """Fitted extractors, in the order in which their features are joined."""
    classifier: Pipeline
    class_names: tuple[str, ...]

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) scores of (n, height, width, 3) uint8 RGB images."""
        features = [extractor.transform(images) for extractor in self.extractors]
        return decision_scores(self.classifier, np.hstack(features))


def train(
    spec: ClassicalSpec,
    features: Mapping[str, Sequence[NDArray[np.float32]]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
) -> TrainedClassifier:
    """Fit on the training split alone; score all splits; measure the learning curve.

    Args:
        spec: the run's options.
        features: split -> the (n, d) float32 feature sets that the run joins, for train,
            validation and test.
        labels: split -> (n,) int64, for train and validation alone.
        n_classes: labels are in [0, n_classes).
        seed: of the classifier, and of the nested subsets of the learning curve.

    Raises:
        StudyError: if features hold NaN or infinity, or a class has no training image.
    """
    _check(spec.features, features, labels, n_classes)
    widths = [part.shape[1] for part in features["train"]]
    joined = {split: np.hstack(list(features[split])) for split in SPLITS}
    started = time.perf_counter()
    model = spec.build(seed, widths).fit(joined["train"], labels["train"])
    fit_seconds = time.perf_counter() - started
    print(f"fitted on {len(labels['train']):,} images in {fit_seconds:.1f} s", flush=True)
    scores, seconds = {}, {}
    for split in SPLITS:
        started = time.perf_counter()
        scores[split] = decision_scores(model, joined[split])
        seconds[split] = time.perf_counter() - started
    return TrainedClassifier(
        model=model,
        scores=scores,
        history=_learning_curve(
            lambda: spec.build(seed, widths), joined, labels, n_classes, seed, scores
        ),
        parameters=stored_numbers(model),
        fit_seconds=fit_seconds,
        predict_seconds_per_image=seconds["test"] / len(scores["test"]),
    )


def decision_scores(model: Pipeline, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, classes) float32 scores, the larger the likelier, also with two classes."""
    return two_columns(model.decision_function(np.asarray(features))).astype(np.float32)


def _check(
    names: Sequence[str],
    features: Mapping[str, Sequence[NDArray]],
    labels: Mapping[str, NDArray],
    n_classes: int,
) -> None:
    for split in SPLITS:
        for name, part in zip(names, features[split], strict=True):
            remedy = f"Make it anew with: dvc repro --force featurize@{name}"
            expected = len(labels[split] if split in labels else features[split][0])
            if len(part) != expected:
                raise StudyError(
                    f"feature set {name!r}: found {len(part):,} rows for the {split} split; "
                    f"expected {expected:,}. {remedy}"
                )
            try:
                check_finite(part, f"feature set {name!r}, {split} split")
            except StudyError as error:
                raise StudyError(f"{error}. {remedy}") from None
    for split in ("train", "validation"):
        check_labels(labels[split], len(features[split][0]), n_classes, f"labels of {split}")
    missing = sorted(set(range(n_classes)) - set(labels["train"].tolist()))
    if missing:
        raise StudyError(
            f"classes {missing} have no training image; expected one of each of {n_classes}"
        )


def _learning_curve(
    build: Callable[[], Pipeline],
    features: Mapping[str, NDArray[np.float32]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    full_scores: Mapping[str, NDArray[np.float32]],
) -> pd.DataFrame:
    """Training and validation accuracy at nested training sizes; the last is the run itself."""
    order = stratified_order(labels["train"], seed)
    sizes = nested_sizes(len(order), n_classes)
    rows: list[tuple] = []
    for size in sizes[:-1]:
        chosen = np.sort(order[:size])
        subset, target = features["train"][chosen], labels["train"][chosen]
        if len(np.unique(target)) < n_classes:  # a rare class is not yet in this small a prefix
            continue
        model = build().fit(subset, target)
        rows += _curve_rows(
            size,
            (_accuracy(decision_scores(model, subset), target, model.classes_)),
            _accuracy(
                decision_scores(model, features["validation"]), labels["validation"], model.classes_
            ),
        )
    everything = np.arange(n_classes)
    rows += _curve_rows(
        sizes[-1],
        _accuracy(full_scores["train"], labels["train"], everything),
        _accuracy(full_scores["validation"], labels["validation"], everything),
    )
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def _curve_rows(size: int, train: float, validation: float) -> Sequence[tuple]:
    print(f"{size:>7,} images: train {train:.1%}, validation {validation:.1%}", flush=True)
    return [
        (size, "images", "train", "accuracy", train),
        (size, "images", "validation", "accuracy", validation),
    ]


def _accuracy(scores: NDArray, labels: NDArray, classes: NDArray) -> float:
    return float(np.mean(classes[scores.argmax(axis=1)] == labels))
