"""Train one classical run with all of its seeds: ``python -m stages.train_classical <run>``."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline import artefacts
from pipeline.classical.cost import multiply_adds
from pipeline.classical.memory import check_memory
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.training import PixelClassifier, TrainedClassifier, train
from pipeline.classical.tuning import Tuned, tune
from pipeline.entries import load_entry, run_seeds, stage_entry
from pipeline.machine import cpu_name, peak_memory_mb, versions
from pipeline.object_files import save_object
from stages import run


@dataclass(frozen=True)
class _Costs:
    """Seconds of a seed beside those of fitting."""

    stage: float
    mirroring: float
    tuning: float


def main(name: str) -> None:
    """Write runs/<run>/."""
    entry, seed = load_entry("classical", name)
    if not isinstance(entry, ClassicalSpec):
        raise TypeError(f"{entry.__class__} is no ClassicalSpec")
    images, task = artefacts.images_seal(), artefacts.load_task()
    for feature_set in entry.features:
        artefacts.check_features(feature_set, images)
    widths = {each: artefacts.load_feature_card(each).dimension for each in entry.features}
    check_memory(name, entry, task.sizes, widths, task.n_classes)
    started = time.perf_counter()
    mirrors = _mirrors(entry)
    mirroring = time.perf_counter() - started if entry.mirrored else 0.0
    features = {
        split: [artefacts.load_features(each, split) for each in entry.features]
        for split in artefacts.SPLITS
    }
    labels = {split: artefacts.load_labels(split) for split in ("train", "validation")}
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


def _mirrors(spec: ClassicalSpec) -> list[NDArray[np.float32]] | None:
    """Return the feature sets of the left-right mirrored training images, if the run wants them."""
    if not spec.mirrored:
        return None
    images = np.ascontiguousarray(artefacts.load_images("train")[:, :, ::-1])
    return [artefacts.load_extractor(name).transform(images) for name in spec.features]


def _save(
    name: str,
    spec: ClassicalSpec,
    seed: int,
    trained: TrainedClassifier,
    tuned: Tuned | None,
    costs: _Costs,
) -> None:
    task = artefacts.load_task()
    sets = [artefacts.load_feature_card(features) for features in spec.features]
    family = _family(sets)
    extractors = tuple(artefacts.load_extractor(features) for features in spec.features)
    with artefacts.atomic(artefacts.model_file(name, seed, family)) as temporary:
        stored = PixelClassifier(extractors, trained.model, task.class_names, trained.calibrator)
        save_object(temporary, stored)
    artefacts.save_run_task(name, seed, task)
    card = artefacts.Card(
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
        notes=_notes(sets, tuned, costs) | _multiply_adds(extractors, trained, task.image_shape),
    )
    predictions = artefacts.Predictions(
        ids={split: artefacts.load_ids(split) for split in artefacts.SPLITS},
        scores=trained.scores,
        probabilities=trained.probabilities,
    )
    trials = tuned.trials if tuned else None
    learning = artefacts.learning_seal()
    artefacts.save_run(name, seed, predictions, trained.history, card, trials, learning)


def _multiply_adds(
    extractors: tuple[Any, ...], trained: TrainedClassifier, image_shape: tuple[int, int, int]
) -> dict[str, int]:
    """Return the note of what one image costs from pixels to scores, if all parts are counted."""
    parts = [each.multiply_adds(image_shape) for each in extractors]
    parts.append(multiply_adds(trained.model))
    return {} if None in parts else {"multiply_adds": sum(parts)}


def _family(sets: list[artefacts.FeatureCard]) -> Literal["classical", "hybrid"]:
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


def _notes(sets: list[artefacts.FeatureCard], tuned: Tuned | None, costs: _Costs) -> dict[str, Any]:
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
