"""Training of a classical run: the fitted model, its scores, and its learning curve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from pipeline.classical.run.calibration import SigmoidCalibrator
from pipeline.classical.run.learning_curve import curve_rows, learning_curve
from pipeline.classical.run.scaling import prepare_in_place
from pipeline.classical.run.scores import accuracy, decision_scores, training_scores
from pipeline.classical.run.training_set import TrainingSet, checked_training_set, join
from pipeline.classical.spec import ClassicalSpec, stored_numbers
from pipeline.storage.runs import HISTORY_COLUMNS
from pipeline.storage.splits import SPLITS


@dataclass(frozen=True)
class TrainedClassifier:
    """A fitted classical run."""

    model: Pipeline
    """Scaling and classifier, fitted on all training images."""
    calibrator: SigmoidCalibrator
    """Scores to probabilities, fitted on the validation split."""
    scores: dict[str, NDArray[np.float32]]
    """split -> (n, classes) decision scores, from which accuracy is computed."""
    probabilities: dict[str, NDArray[np.float32]]
    """split -> (n, classes), rows sum to 1; those of validation are optimistic."""
    history: pd.DataFrame
    """Columns `HISTORY_COLUMNS`; x counts distinct training images."""
    parameters: int
    fit_seconds: float
    """Seconds of fitting on all training images, and on mirror images if the run uses them."""
    predict_seconds_per_image: float
    """Seconds from features to scores, on the test split."""


@dataclass(frozen=True)
class PixelClassifier:
    """A fitted run that starts from pixels, as it is stored: extractors and classifier."""

    extractors: tuple[Any, ...]
    """Fitted extractors, in the order in which their features are joined."""
    classifier: Pipeline
    class_names: tuple[str, ...]
    calibrator: SigmoidCalibrator

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) scores of (n, height, width, 3) uint8 RGB images."""
        features = [extractor.transform(images) for extractor in self.extractors]
        return decision_scores(self.classifier, join(features))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) probabilities of (n, height, width, 3) uint8 RGB images.

        They are calibrated one-vs-rest, so the largest probability can be of another class than the
        largest score. The run's prediction is the class with the largest score.
        """
        return self.calibrator.predict_proba(self.scores(images))


def train(
    spec: ClassicalSpec,
    features: Mapping[str, Sequence[NDArray[np.float32]]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    mirrors: Sequence[NDArray[np.float32]] | None = None,
    curve: bool = True,
) -> TrainedClassifier:
    """Fit on the training split only; score all splits; calibrate; measure the learning curve.

    In addition to its inputs, it keeps one array of the joined training features at a time, scaled
    in place: 45,000 images with 5,000 features and their mirror images take 1.8 GB, and support
    vectors may take as much again.

    Args:
        spec: the run's options; `tune` is for `pipeline.classical.tuning.study` and ignored here.
        features: split -> the (n, d) float32 feature sets that the run joins, for train,
            validation and test; they may be memory-mapped.
        labels: split -> (n,) int64, for train and validation only.
        n_classes: labels are in [0, n_classes).
        seed: seed for the classifier and for the nested subsets of the learning curve.
        mirrors: the (n, d) float32 sets of the left-right mirrored training images if
            ``spec.mirrored``; scaling and classifier learn from them too. Mirror images are never
            scored.
        curve: whether to measure the learning curve, which takes about as long as the fit.

    Raises:
        StudyError: if features contain NaN or infinity, or a class has no training image.
        ValueError: if `mirrors` does not fit ``spec.mirrored``.
    """
    if spec.mirrored != (mirrors is not None):
        raise ValueError("expected mirrors if, and only if, the options say `mirrored`")
    training = checked_training_set(spec.features, features, labels, n_classes, mirrors)
    validation, validation_labels = join(features["validation"]), labels["validation"]
    rows = (
        learning_curve(spec, training, validation, validation_labels, n_classes, seed)
        if curve
        else []
    )
    model, train_scores, fit_seconds = _fit(spec, training, seed)
    test = join(features["test"])  # after fitting, which needs the memory
    started = time.perf_counter()
    test_scores = decision_scores(model, test)
    predict_seconds = time.perf_counter() - started
    validation_scores = decision_scores(model, validation)
    scores = {"train": train_scores, "validation": validation_scores, "test": test_scores}
    calibrator = SigmoidCalibrator().fit(validation_scores, validation_labels)
    rows += curve_rows(
        len(training),
        accuracy(train_scores, labels["train"], model.classes_),
        accuracy(validation_scores, validation_labels, model.classes_),
    )
    return TrainedClassifier(
        model=model,
        calibrator=calibrator,
        scores=scores,
        probabilities={split: calibrator.predict_proba(scores[split]) for split in SPLITS},
        history=pd.DataFrame(rows, columns=list(HISTORY_COLUMNS)),
        parameters=stored_numbers(model),
        fit_seconds=fit_seconds,
        predict_seconds_per_image=predict_seconds / len(test),
    )


def _fit(
    spec: ClassicalSpec, training: TrainingSet, seed: int
) -> tuple[Pipeline, NDArray[np.float32], float]:
    """Return the fitted run, its scores on the training images, and the seconds of fitting."""
    features, labels = training.rows()
    started = time.perf_counter()
    model = spec.build(seed, training.widths)
    features = prepare_in_place(model, features)
    spec.fit_classifier(model, features, labels)
    seconds = time.perf_counter() - started
    mirrored = " and their mirror images" if training.mirrors is not None else ""
    print(f"fitted on {len(training):,} images{mirrored} in {seconds:.1f} s", flush=True)
    return model, training_scores(model["classify"], features[: len(training)]), seconds
