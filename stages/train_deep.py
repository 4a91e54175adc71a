"""Train one network with all of its seeds: ``python -m stages.train_deep <run>``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

from pipeline.config.entries import load_entry, run_seeds, stage_entry
from pipeline.fingerprints import guard
from pipeline.keras_backend import load_keras
from pipeline.machine import peak_memory_mb, versions
from pipeline.storage import resume
from pipeline.storage.files import atomic
from pipeline.storage.paths import BASE_FEATURES
from pipeline.storage.runs import Card, Predictions, model_file, run_folder, save_run, save_run_task
from pipeline.storage.splits import (
    SPLITS,
    Task,
    learning_seal,
    load_ids,
    load_images,
    load_labels,
    load_task,
)
from stages import run

run(load_keras)  # before the imports below, which also import it

import keras  # noqa: E402

from pipeline.deep.training.checkpoint import Checkpoint  # noqa: E402
from pipeline.deep.training.fitting import TrainedNetwork, train  # noqa: E402
from pipeline.device import (  # noqa: E402
    compute_policy,
    device_name,
    make_deterministic,
    use_threads,
)

if TYPE_CHECKING:
    from pipeline.deep.spec import DeepSpec

LIBRARIES = ("keras", "tensorflow", "jax", "torch", "numpy")


def main(name: str) -> None:
    """Write runs/<run>/: train each seed, or restore it if it was finished before."""
    entry, study_seed = load_entry("deep", name)
    spec = cast("DeepSpec", entry)
    if spec.fixed_threads is not None:
        use_threads(spec.fixed_threads)
    if spec.deterministic:
        make_deterministic()
    origin = _origin(spec)
    keys = {
        seed: resume.state_key({**origin, "seed": seed}) for seed in run_seeds(spec, study_seed)
    }
    for seed, key in keys.items():
        if resume.restore_seed(name, key, run_folder(name, seed)):
            print(f"{name}, seed {seed}: already trained, restored from {resume.SEEDS}", flush=True)
            continue
        print(f"{name}, seed {seed}, on {device_name()}", flush=True)
        _train(name, spec, seed, Checkpoint(resume.state_file(name, key)))
        resume.keep_seed(name, key, run_folder(name, seed))
    resume.prune(name, set(keys.values()))


def _origin(spec: DeepSpec) -> dict[str, object]:
    """Return all that determines a training except its seed; only then can it be resumed."""
    return {
        "options": spec.model_dump(mode="json", exclude={"seeds"}),
        "files": spec.record(),
        "data": learning_seal(),
        "code": guard.stage_digest("train_deep", spec.method),
        "backend": keras.backend.backend(),
        "device": device_name(),
        "precision": compute_policy(spec.precision),
        "versions": versions(*LIBRARIES),
    }


def _train(name: str, spec: DeepSpec, seed: int, checkpoint: Checkpoint) -> None:
    started = time.perf_counter()
    images = {split: load_images(split) for split in SPLITS}
    labels = {split: load_labels(split) for split in ("train", "validation")}
    task = load_task()
    trained = train(spec, images, labels, task.n_classes, seed, BASE_FEATURES, checkpoint)
    with atomic(model_file(name, seed, "deep")) as temporary:
        trained.model.save(temporary)
    save_run_task(name, seed, task)
    predictions = Predictions(
        ids={split: load_ids(split) for split in SPLITS},
        scores=trained.scores,
        probabilities=trained.scores,
        tta_scores=trained.augmented.scores,
    )
    card = _card(name, spec, seed, trained, task, time.perf_counter() - started)
    learning = learning_seal()
    save_run(name, seed, predictions, trained.history, card, learning=learning)


def _card(
    name: str,
    spec: DeepSpec,
    seed: int,
    trained: TrainedNetwork,
    task: Task,
    stage_seconds: float,
) -> Card:
    return Card(
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
        versions=versions(*LIBRARIES),
        notes=trained.notes,
    )


if __name__ == "__main__":
    run(lambda: main(stage_entry("train_deep", sys.argv[1:])))
