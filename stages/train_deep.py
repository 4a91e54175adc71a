"""Train one network with all of its seeds: ``python -m stages.train_deep <run>``."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.config.entries import load_entry, run_seeds, stage_entry
from pipeline.fingerprints import guard
from pipeline.folds import Rows, fold_count, folds_note, pooled, rows_of_model, rows_of_stored_model
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
    load_folds,
    load_ids,
    load_images,
    load_labels,
    load_task,
)
from pipeline.tta import AugmentedScores, pooled_augmented
from stages import run

run(load_keras)  # before the imports below, which also import it

import keras  # noqa: E402

from pipeline.deep.training.building import Whole  # noqa: E402
from pipeline.deep.training.checkpoint import Checkpoint  # noqa: E402
from pipeline.deep.training.fitting import TrainedNetwork, train  # noqa: E402
from pipeline.deep.tuning.run_search import RunSearch  # noqa: E402
from pipeline.deep.tuning.study import Task as TrialTask  # noqa: E402
from pipeline.deep.tuning.study import Tuned  # noqa: E402
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
    origin, seeds = _origin(spec), run_seeds(spec, study_seed)
    keys = {seed: resume.state_key({**origin, "seed": seed}) for seed in seeds}
    search = RunSearch(name, spec, seeds[0], _without(origin, "options"))
    for seed, key in keys.items():
        if resume.restore_seed(name, key, run_folder(name, seed)):
            print(f"{name}, seed {seed}: already trained, restored from {resume.SEEDS}", flush=True)
            continue
        print(f"{name}, seed {seed}, on {device_name()}", flush=True)
        folds = load_folds()
        if folds is None:
            _train(search, seed, Checkpoint(resume.state_file(name, key)))
        else:
            _train_folds(search, seed, origin, folds)
        resume.keep_seed(name, key, run_folder(name, seed))
    resume.prune(name, set(keys.values()))
    search.prune()


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


def _train_folds(
    search: RunSearch, seed: int, origin: Mapping[str, object], folds: NDArray[np.int64]
) -> None:
    """Train one network per fold, then the one that is stored; finished ones are restored."""
    name, started = search.run, time.perf_counter()
    images, labels, task = load_images("train"), load_labels("train"), load_task()
    scores, augmented, chosen, seconds = [], [], [], 0.0
    for model in range(fold_count(folds)):
        key = resume.state_key({**origin, "seed": seed, "fold": model})
        told = f"{name}, seed {seed}, fold {model + 1} of {fold_count(folds)}"
        scored = resume.kept_scores(name, key)
        if scored is not None:
            print(f"{told}: already trained, restored from {resume.SEEDS}", flush=True)
            seconds += float(scored.facts["seconds"])
        else:
            print(told, flush=True)
            begun = time.perf_counter()
            rows = rows_of_model(folds, model)
            trained, tuned = _of_rows(search, images, rows, labels, task, seed, key, model)
            facts = {
                "seconds": time.perf_counter() - begun,
                "chosen": tuned.notes["chosen"] if tuned else None,
                "augmented": trained.augmented.notes,
            }
            scored = resume.keep_scores(name, key, _arrays(trained), facts)
            keras.utils.clear_session(free_memory=True)
        scores.append(_below(scored.arrays, "scores/"))
        chosen.append(scored.facts["chosen"])
        shown = _below(scored.arrays, "tta/")
        if shown:
            augmented.append(AugmentedScores(shown, scored.facts["augmented"]))
    key = resume.state_key({**origin, "seed": seed, "fold": None})
    print(f"{name}, seed {seed}, stored model, validated on fold 1", flush=True)
    rows = rows_of_stored_model(folds)
    trained, tuned = _of_rows(search, images, rows, labels, task, seed, key)
    notes = folds_note(folds)
    if tuned:
        notes["folds"]["chosen"] = chosen
    trained = replace(
        trained,
        scores=pooled(folds, scores),
        augmented=pooled_augmented(folds, augmented),
        notes=trained.notes | pooled_augmented(folds, augmented).notes | notes,
    )
    _save(search, seed, trained, tuned, task, time.perf_counter() - started + seconds)


def _of_rows(
    search: RunSearch,
    images: NDArray[np.uint8],
    rows: Rows,
    labels: NDArray[np.int64],
    task: Task,
    seed: int,
    key: str,
    model: int | None = None,
) -> tuple[TrainedNetwork, Tuned | None]:
    """Train on a part of the images, after the search of this model, if there is one."""
    whole = Whole(dict.fromkeys(SPLITS, images), rows)
    learned = {split: labels[rows[split]] for split in ("train", "validation")}
    checkpoint = Checkpoint(resume.state_file(search.run, key))
    parts, n_classes = whole.split_up(), task.n_classes
    trial = TrialTask(parts, learned, n_classes, search.seed, BASE_FEATURES, whole)
    tuned = search.tuned(trial, model)
    spec = tuned.spec if tuned else search.spec
    return (
        train(spec, parts, learned, n_classes, seed, BASE_FEATURES, checkpoint, whole),
        tuned,
    )


def _arrays(trained: TrainedNetwork) -> dict[str, NDArray]:
    scores = {f"scores/{split}": each for split, each in trained.scores.items()}
    return scores | {f"tta/{split}": each for split, each in trained.augmented.scores.items()}


def _below(arrays: Mapping[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _without(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != name}


def _train(search: RunSearch, seed: int, checkpoint: Checkpoint) -> None:
    started = time.perf_counter()
    images = {split: load_images(split) for split in SPLITS}
    labels = {split: load_labels(split) for split in ("train", "validation")}
    task = load_task()
    trial = TrialTask(images, labels, task.n_classes, search.seed, BASE_FEATURES)
    tuned = search.tuned(trial)
    spec = tuned.spec if tuned else search.spec
    trained = train(spec, images, labels, task.n_classes, seed, BASE_FEATURES, checkpoint)
    _save(search, seed, trained, tuned, task, time.perf_counter() - started)


def _save(
    search: RunSearch,
    seed: int,
    trained: TrainedNetwork,
    tuned: Tuned | None,
    task: Task,
    seconds: float,
) -> None:
    name = search.run
    with atomic(model_file(name, seed, "deep")) as temporary:
        trained.model.save(temporary)
    save_run_task(name, seed, task)
    predictions = Predictions(
        ids={split: load_ids(split) for split in SPLITS},
        scores=trained.scores,
        probabilities=trained.scores,
        tta_scores=trained.augmented.scores,
    )
    card = _card(search, seed, trained, tuned, task, seconds)
    trials = tuned.trials if tuned else None
    save_run(name, seed, predictions, trained.history, card, trials, learning_seal())


def _card(
    search: RunSearch,
    seed: int,
    trained: TrainedNetwork,
    tuned: Tuned | None,
    task: Task,
    stage_seconds: float,
) -> Card:
    spec = tuned.spec if tuned else search.spec
    return Card(
        run=search.run,
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
        versions=versions(*LIBRARIES, *(("optuna",) if tuned else ())),
        tuning_seconds=tuned.seconds if tuned and seed == search.seed else 0.0,
        notes=trained.notes | ({"tuning": tuned.notes} if tuned else {}),
    )


if __name__ == "__main__":
    run(lambda: main(stage_entry("train_deep", sys.argv[1:])))
