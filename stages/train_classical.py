"""Train one classical run with all of its seeds: ``python -m stages.train_classical <run>``."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.run.cost import multiply_adds
from pipeline.classical.run.memory import check_memory
from pipeline.classical.run.training import PixelClassifier, TrainedClassifier, train
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.tuning.study import Tuned, tune
from pipeline.config.entries import load_entry, run_seeds, stage_entry
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
from pipeline.storage.paths import BASE_FEATURES
from pipeline.storage.runs import Card, Predictions, model_file, save_run, save_run_task
from pipeline.storage.splits import (
    SPLITS,
    images_seal,
    learning_seal,
    load_ids,
    load_images,
    load_labels,
    load_task,
)
from pipeline.tta import TTA_SPLITS, augmented_splits
from stages import run


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
    check_memory(name, entry, task.sizes, widths, task.n_classes)
    started = time.perf_counter()
    mirrors, mirroring = _mirrors(entry)
    features = {split: [load_features(each, split) for each in entry.features] for split in SPLITS}
    labels = {split: load_labels(split) for split in ("train", "validation")}
    seeds = run_seeds(entry, seed)
    spec, tuned = entry, None
    if entry.tune:
        tuned = tune(entry, features, labels, task.n_classes, seeds[0], mirrors)
        spec = tuned.spec
    for each in seeds:
        print(f"{name}, seed {each}: {'+'.join(entry.features)}", flush=True)
        trained = train(spec, features, labels, task.n_classes, each, mirrors)
        tuning = tuned.seconds if tuned and each == seeds[0] else 0.0
        costs = _Costs(time.perf_counter() - started, mirroring, tuning)
        _save(name, spec, each, trained, tuned, costs)
        started = time.perf_counter()


def _mirrors(spec: ClassicalSpec) -> tuple[list[NDArray[np.float32]] | None, float]:
    """Return the feature sets of the mirrored training images, if `mirrored`, and their seconds."""
    if not spec.mirrored:
        return None, 0.0
    found = [_mirrored(name) for name in spec.features]
    return [features for features, _ in found], sum(seconds for _, seconds in found)


def _mirrored(name: str) -> tuple[NDArray[np.float32], float]:
    """Return one feature set of the mirrored training images, from their pixels if it must be."""
    extractor = load_extractor(name)
    start = time.perf_counter()
    features = extractor.mirrored(load_features(name, "train"))
    if features is not None:
        return features, time.perf_counter() - start
    images = load_images("train")
    found: tuple[NDArray[np.float32], float] = extractor.transform_split(
        images, "train", BASE_FEATURES, mirrored=True
    )
    return found


def _save(
    name: str,
    spec: ClassicalSpec,
    seed: int,
    trained: TrainedClassifier,
    tuned: Tuned | None,
    costs: _Costs,
) -> None:
    task = load_task()
    sets = [load_feature_card(features) for features in spec.features]
    family = _family(sets)
    extractors = tuple(load_extractor(features) for features in spec.features)
    with atomic(model_file(name, seed, family)) as temporary:
        stored = PixelClassifier(extractors, trained.model, task.class_names, trained.calibrator)
        save_object(temporary, stored)
    save_run_task(name, seed, task)
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
        | _multiply_adds(extractors, trained, task.image_shape)
        | augmented.notes,
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
