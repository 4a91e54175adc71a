"""Train one network with all of its seeds: ``python -m stages.train_deep <run>``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

import keras

from pipeline import artefacts
from pipeline.deep.device import device_name
from pipeline.deep.training import TrainedNetwork, train
from pipeline.machine import peak_memory_mb, versions
from pipeline.params import load_entry, run_seeds
from stages import run

if TYPE_CHECKING:
    from pipeline.deep.spec import DeepSpec


def main(name: str) -> None:
    """Write runs/<run>/."""
    entry, seed = load_entry("deep", name)
    spec = cast("DeepSpec", entry)
    images = {split: artefacts.load_images(split) for split in artefacts.SPLITS}
    labels = {split: artefacts.load_labels(split) for split in ("train", "validation")}
    task = artefacts.load_task()
    for each in run_seeds(entry, seed):
        print(f"{name}, seed {each}, on {device_name()}", flush=True)
        started = time.perf_counter()
        cache = artefacts.RESUME / "base-features"
        trained = train(spec, images, labels, task.n_classes, each, cache)
        _save(name, spec, each, trained, task, time.perf_counter() - started)


def _save(
    name: str,
    spec: DeepSpec,
    seed: int,
    trained: TrainedNetwork,
    task: artefacts.Task,
    stage_seconds: float,
) -> None:
    with artefacts.atomic(artefacts.model_file(name, seed, "deep")) as temporary:
        trained.model.save(temporary)
    card = artefacts.Card(
        run=name,
        family="deep",
        method=spec.method,
        features=(),
        options=spec.model_dump(mode="json", exclude={"method", "seeds"}),
        seed=seed,
        score_kind="probability",
        sizes=task.sizes,
        parameters=trained.parameters,
        train_seconds=trained.train_seconds,
        predict_ms_per_image=trained.predict_ms_per_image,
        stage_seconds=stage_seconds,
        device=trained.device,
        engine=f"Keras {keras.__version__} on {keras.backend.backend()}",
        peak_memory_mb=peak_memory_mb(),
        versions=versions("keras", "tensorflow", "jax", "torch", "numpy"),
        notes={
            "best_epoch": trained.best_epoch,
            "epochs_run": trained.epochs_run,
            "stopped_early": trained.stopped_early,
            **trained.notes,
        },
    )
    predictions = artefacts.Predictions(
        ids={split: artefacts.load_ids(split) for split in artefacts.SPLITS},
        scores=trained.scores,
        probabilities=trained.scores,
    )
    artefacts.save_run(name, seed, predictions, trained.history, card)


if __name__ == "__main__":
    run(main, *sys.argv[1:2])
