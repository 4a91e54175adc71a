"""Train one classical run with all of its seeds: ``python -m stages.train_classical <run>``."""

from __future__ import annotations

import sys
import time
from typing import Any

import joblib

from pipeline import artefacts
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.training import PixelClassifier, TrainedClassifier, train
from pipeline.machine import cpu_name, peak_memory_mb, versions
from pipeline.params import load_entry, run_seeds
from stages import run


def main(name: str) -> None:
    """Write runs/<run>/."""
    entry, seed = load_entry("classical", name)
    if not isinstance(entry, ClassicalSpec):
        raise TypeError(f"{entry.__class__} is no ClassicalSpec")
    features = {
        split: [artefacts.load_features(each, split) for each in entry.features]
        for split in artefacts.SPLITS
    }
    labels = {split: artefacts.load_labels(split) for split in ("train", "validation")}
    task = artefacts.load_task()
    for each in run_seeds(entry, seed):
        print(f"{name}, seed {each}: {'+'.join(entry.features)}", flush=True)
        started = time.perf_counter()
        trained = train(entry, features, labels, task.n_classes, each)
        _save(name, entry, each, trained, task, time.perf_counter() - started)


def _save(
    name: str,
    spec: ClassicalSpec,
    seed: int,
    trained: TrainedClassifier,
    task: artefacts.Task,
    stage_seconds: float,
) -> None:
    sets = [artefacts.load_feature_card(features) for features in spec.features]
    extractors = tuple(artefacts.load_extractor(features) for features in spec.features)
    path = artefacts.model_file(name, seed, "classical")
    with artefacts.atomic(path) as temporary:
        joblib.dump(PixelClassifier(extractors, trained.model, task.class_names), temporary)
    card = artefacts.Card(
        run=name,
        family="classical",
        method=spec.method,
        features=spec.features,
        options=spec.model_dump(mode="json", exclude={"method", "features", "seeds"}),
        seed=seed,
        score_kind="decision",
        sizes=task.sizes,
        parameters=trained.parameters + sum(each.parameters for each in sets),
        train_seconds=trained.fit_seconds + sum(each.fit_seconds for each in sets),
        predict_ms_per_image=1000
        * (trained.predict_seconds_per_image + sum(each.seconds_per_image for each in sets)),
        stage_seconds=stage_seconds,
        device=cpu_name(),
        engine=spec.engine(),
        peak_memory_mb=max(peak_memory_mb(), *(each.peak_memory_mb for each in sets)),
        versions=versions(
            "scikit-learn", "scikit-learn-intelex", "numpy", "scipy", "opencv-python-headless"
        ),
        notes=_notes(sets),
    )
    predictions = artefacts.Predictions(
        ids={split: artefacts.load_ids(split) for split in artefacts.SPLITS}, scores=trained.scores
    )
    artefacts.save_run(name, seed, predictions, trained.history, card)


def _notes(sets: list[artefacts.FeatureCard]) -> dict[str, Any]:
    return {
        "dimension": sum(each.dimension for each in sets),
        "feature_sets": {each.name: {"method": each.method, **each.options} for each in sets},
    }


if __name__ == "__main__":
    run(main, *sys.argv[1:2])
