"""Train one classical run with all of its seeds: ``python -m stages.train_classical <run>``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.run.cost import multiply_adds
from pipeline.classical.run.cross_validation import Inputs, cross_validate, models, tune_each
from pipeline.classical.run.memory import check_memory
from pipeline.classical.run.training import PixelClassifier, TrainedClassifier, train
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.tuning.study import Tuned, tune
from pipeline.config.entries import load_entry, run_seeds, stage_entry
from pipeline.folds import folds_note, largest_sizes
from pipeline.machine import cpu_name, peak_memory_mb, versions
from pipeline.storage.features import (
    FeatureCard,
    check_features,
    load_extractor,
    load_feature_card,
    load_features,
)
from pipeline.storage.files import atomic
from pipeline.storage.object_files import save_object
from pipeline.storage.runs import Card, Predictions, model_file, save_run, save_run_task
from pipeline.storage.splits import (
    SPLITS,
    Task,
    images_seal,
    learning_seal,
    load_folds,
    load_ids,
    load_images,
    load_labels,
    load_task,
)
from pipeline.trainings.mirrors import mirrored_features
from pipeline.tta import TTA_SPLITS, AugmentedScores, augmented_splits, pooled_augmented
from stages import run

_Mirrors = list[NDArray[np.float32]] | None
_TrainedSeed = tuple[TrainedClassifier, AugmentedScores | None, dict[str, Any]]
"""A fitted run; its scores with test-time augmentation, if they are known; notes for its card."""
_TrainSeed = Callable[[int], _TrainedSeed]


@dataclass(frozen=True)
class _Costs:
    """Seconds of a seed in addition to those of fitting."""

    stage: float
    mirroring: float
    tuning: float


def main(name: str) -> None:
    """Write runs/<run>/."""
    entry, seed = load_entry("classical", name)
    if not isinstance(entry, ClassicalSpec):
        raise TypeError(f"found {entry.__class__}; expected a ClassicalSpec")
    images, task = images_seal(), load_task()
    for feature_set in entry.features:
        check_features(feature_set, images)
    widths = {each: load_feature_card(each).dimension for each in entry.features}
    folds = load_folds()
    sizes = task.sizes if folds is None else largest_sizes(folds)
    check_memory(name, entry, sizes, widths, task.n_classes)
    started = time.perf_counter()
    mirrors, mirroring = _mirrors(entry)
    seeds = run_seeds(entry, seed)
    if folds is None:
        tuned, train_seed = _with_splits(entry, task, mirrors, seeds[0])
    else:
        tuned, train_seed = _with_folds(entry, task, mirrors, seeds[0], folds)
    for each in seeds:
        print(f"{name}, seed {each}: {'+'.join(entry.features)}", flush=True)
        trained, augmented, notes = train_seed(each)
        tuning = tuned.seconds if tuned and each == seeds[0] else 0.0
        costs = _Costs(time.perf_counter() - started, mirroring, tuning)
        spec = tuned.spec if tuned else entry
        _save(name, spec, each, trained, tuned, costs, augmented, notes)
        started = time.perf_counter()


def _with_splits(
    entry: ClassicalSpec, task: Task, mirrors: _Mirrors, first_seed: int
) -> tuple[Tuned | None, _TrainSeed]:
    """Return what the search found, if there is one, and how to train one seed."""
    features = {split: [load_features(each, split) for each in entry.features] for split in SPLITS}
    labels = {split: load_labels(split) for split in ("train", "validation")}
    spec, tuned = entry, None
    if entry.tune:
        tuned = tune(entry, features, labels, task.n_classes, first_seed, mirrors)
        spec = tuned.spec

    def train_seed(seed: int) -> _TrainedSeed:
        return train(spec, features, labels, task.n_classes, seed, mirrors), None, {}

    return tuned, train_seed


def _with_folds(
    entry: ClassicalSpec,
    task: Task,
    mirrors: _Mirrors,
    first_seed: int,
    folds: NDArray[np.int64],
) -> tuple[Tuned | None, _TrainSeed]:
    """Return the same for cross-validation; each model has a search of its own.

    What the search found is that of the stored model. The card's notes name what the others chose.
    """
    features = [load_features(each, "train") for each in entry.features]
    inputs = Inputs(features, load_labels("train"), folds, task.n_classes, mirrors)
    specs, tuned, notes = dict.fromkeys(models(inputs), entry), None, folds_note(folds)
    if entry.tune:
        found = tune_each(entry, inputs, first_seed, tune)
        specs, tuned = {model: each.spec for model, each in found.items()}, found[None]
        notes["folds"]["chosen"] = [
            each.notes["chosen"] for m, each in found.items() if m is not None
        ]

    def train_seed(seed: int) -> _TrainedSeed:
        parts: list[AugmentedScores] = []

        def augment(model: int | None, trained: TrainedClassifier) -> None:
            if model is not None and entry.tta != "none":
                scorer = _pixel_classifier(entry, trained, task)
                rows, images = inputs.rows(model), load_images("train")
                seen = {split: images[rows[split]] for split in TTA_SPLITS}
                parts.append(augmented_splits(scorer.scores, seen, entry.tta))

        trained = cross_validate(specs, inputs, seed, augment)
        return trained, pooled_augmented(folds, parts), notes

    return tuned, train_seed


def _pixel_classifier(
    spec: ClassicalSpec, trained: TrainedClassifier, task: Task
) -> PixelClassifier:
    extractors = tuple(load_extractor(features) for features in spec.features)
    return PixelClassifier(extractors, trained.model, task.class_names, trained.calibrator)


def _mirrors(spec: ClassicalSpec) -> tuple[_Mirrors, float]:
    """Return the feature sets of the mirrored training images, if `mirrored`, and their seconds."""
    if not spec.mirrored:
        return None, 0.0
    found = [mirrored_features(name) for name in spec.features]
    return [features for features, _ in found], sum(seconds for _, seconds in found)


def _save(
    name: str,
    spec: ClassicalSpec,
    seed: int,
    trained: TrainedClassifier,
    tuned: Tuned | None,
    costs: _Costs,
    augmented: AugmentedScores | None,
    notes: dict[str, Any],
) -> None:
    task = load_task()
    sets = [load_feature_card(features) for features in spec.features]
    family = _family(sets)
    stored = _pixel_classifier(spec, trained, task)
    with atomic(model_file(name, seed, family)) as temporary:
        save_object(temporary, stored)
    save_run_task(name, seed, task)
    if augmented is None:
        seen = {split: load_images(split) for split in TTA_SPLITS if spec.tta != "none"}
        augmented = augmented_splits(stored.scores, seen, spec.tta)
    card = Card(
        run=name,
        family=family,
        method=spec.method,
        features=spec.features,
        options=spec.model_dump(mode="json", exclude={"method", "features", "seeds"}),
        seed=seed,
        score_kind="decision",
        sizes=task.sizes,
        parameters=trained.parameters + sum(each.parameters for each in sets),
        train_seconds=trained.fit_seconds
        + costs.mirroring
        + sum(each.fit_seconds for each in sets),
        predict_ms_per_image=1000
        * (trained.predict_seconds_per_image + sum(each.seconds_per_image for each in sets)),
        stage_seconds=costs.stage,
        device=cpu_name(),
        engine=spec.engine(),
        peak_memory_mb=max(peak_memory_mb(), *(each.peak_memory_mb for each in sets)),
        versions=_versions(tuned),
        tuning_seconds=costs.tuning,
        notes=_notes(sets, tuned, costs)
        | _multiply_adds(stored.extractors, trained, task.image_shape)
        | augmented.notes
        | notes,
    )
    predictions = Predictions(
        ids={split: load_ids(split) for split in SPLITS},
        scores=trained.scores,
        probabilities=trained.probabilities,
        tta_scores=augmented.scores,
    )
    trials = tuned.trials if tuned else None
    learning = learning_seal()
    save_run(name, seed, predictions, trained.history, card, trials, learning)


def _multiply_adds(
    extractors: tuple[Any, ...], trained: TrainedClassifier, image_shape: tuple[int, int, int]
) -> dict[str, int]:
    """Return a note of the multiply-adds from pixels to scores, if all parts can be counted."""
    parts = [each.multiply_adds(image_shape) for each in extractors]
    parts.append(multiply_adds(trained.model))
    return {} if None in parts else {"multiply_adds": sum(parts)}


def _family(sets: list[FeatureCard]) -> Literal["classical", "hybrid"]:
    return "hybrid" if any(each.family == "hybrid" for each in sets) else "classical"


def _versions(tuned: Tuned | None) -> dict[str, str]:
    searching = ("optuna",) if tuned else ()
    return versions(
        "scikit-learn",
        "scikit-learn-intelex",
        "numpy",
        "scipy",
        "opencv-python-headless",
        *searching,
    )


def _notes(sets: list[FeatureCard], tuned: Tuned | None, costs: _Costs) -> dict[str, Any]:
    notes: dict[str, Any] = {
        "dimension": sum(each.dimension for each in sets),
        "feature_sets": {each.name: {"method": each.method, **each.options} for each in sets},
    }
    if costs.mirroring:
        notes["mirroring_seconds"] = costs.mirroring
    if tuned:
        notes["tuning"] = tuned.notes
    return notes


if __name__ == "__main__":
    run(lambda: main(stage_entry("train_classical", sys.argv[1:])))
