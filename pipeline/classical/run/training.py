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
from pipeline.classical.run.scores import accuracy, decision_scores
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
    """split -> (n, classes) decision scores; accuracy is computed of these."""
    probabilities: dict[str, NDArray[np.float32]]
    """split -> (n, classes), rows sum to 1; those of validation flatter."""
    history: pd.DataFrame
    """Columns `HISTORY_COLUMNS`; x counts distinct training images."""
    parameters: int
    fit_seconds: float
    """Fitting on all training images, and on their mirror images if the run does, alone."""
    predict_seconds_per_image: float
    """From features to scores, on the test split."""


@dataclass(frozen=True)
class PixelClassifier:
    """A fitted run from pixels on: extractors and classifier, as it is stored."""

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

        They are calibrated one class against the rest, so that their largest can be another class
        than that of the largest score; the answer of the run is the latter.
        """
        return self.calibrator.predict_proba(self.scores(images))


def train(
    spec: ClassicalSpec,
    features: Mapping[str, Sequence[NDArray[np.float32]]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    mirrors: Sequence[NDArray[np.float32]] | None = None,
) -> TrainedClassifier:
    """Fit on the training split alone; score all splits; calibrate; measure the learning curve.

    Beside what it is given, one array of the joined training features is held at a time, scaled in
    place: 45,000 images of 5,000 features with their mirrors are 1.8 GB, and as much again may be
    support vectors.

    Args:
        spec: the run's options; `tune` is for `pipeline.classical.tuning.study`, and is ignored
            here.
        features: split -> the (n, d) float32 feature sets that the run joins, for train,
            validation and test; they may be memory-mapped.
        labels: split -> (n,) int64, for train and validation alone.
        n_classes: labels are in [0, n_classes).
        seed: of the classifier, and of the nested subsets of the learning curve.
        mirrors: the (n, d) float32 sets of the left-right mirrored training images, where
            ``spec.mirrored``; scaling and classifier learn from them too. No mirror image is ever
            scored.

    Raises:
        StudyError: if features hold NaN or infinity, or a class has no training image.
    """
    if spec.mirrored != (mirrors is not None):
        raise ValueError("expected mirrors where the options say `mirrored`, and only there")
    training = checked_training_set(spec.features, features, labels, n_classes, mirrors)
    validation, answers = join(features["validation"]), labels["validation"]
    rows = learning_curve(spec, training, validation, answers, n_classes, seed)
    model, train_scores, fit_seconds = _fit(spec, training, seed)
    test = join(features["test"])  # not sooner: while fitting, memory is short
    started = time.perf_counter()
    test_scores = decision_scores(model, test)
    predict_seconds = time.perf_counter() - started
    validation_scores = decision_scores(model, validation)
    scores = {"train": train_scores, "validation": validation_scores, "test": test_scores}
    calibrator = SigmoidCalibrator().fit(validation_scores, answers)
    rows += curve_rows(
        len(training),
        accuracy(train_scores, labels["train"], model.classes_),
        accuracy(validation_scores, answers, model.classes_),
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
    """Return the fitted run, its scores of the training images, and the seconds of fitting."""
    features, labels = training.rows()
    started = time.perf_counter()
    model = spec.build(seed, training.widths)
    features = prepare_in_place(model, features)
    model["classify"].fit(features, labels)
    seconds = time.perf_counter() - started
    mirrored = " and their mirror images" if training.mirrors is not None else ""
    print(f"fitted on {len(training):,} images{mirrored} in {seconds:.1f} s", flush=True)
    return model, decision_scores(model["classify"], features[: len(training)]), seconds
