"""One training of a network on a part of the training images.

A fixed number of epochs on few images is a handful of steps: 20 epochs of 100 images in batches of
64 are 20. Networks would then fail at small sizes because they were hardly trained. `steps` is the
fewest steps that a training makes: an epoch goes over its images as often as that takes, each
time in a new order and with new augmentation, and schedules keep their shape. Kolesnikov et al.
(2020, "Big Transfer", section 3.3) likewise choose the number of steps, at least 500, rather than
of epochs. A batch never holds more images than there are.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, cast

import keras
import numpy as np

from pipeline.checks import StudyError
from pipeline.deep.training.building import Whole
from pipeline.deep.training.checkpoint import Checkpoint
from pipeline.deep.training.failures import Diverged
from pipeline.deep.training.fitting import TrainedNetwork, train
from pipeline.deep.training.history import TrainingHistory
from pipeline.deep.tuning.kept import KeptTrials
from pipeline.deep.tuning.study import Task as TrialTask
from pipeline.deep.tuning.study import Tuned, tune
from pipeline.device import compute_policy, device_name, make_deterministic, use_threads
from pipeline.machine import versions
from pipeline.storage.paths import BASE_FEATURES
from pipeline.storage.splits import SPLITS, load_images
from pipeline.trainings.lessons import lesson
from pipeline.trainings.training import SCORED, Outcome, Training

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.deep.spec import DeepSpec

_LIBRARIES = ("keras", "tensorflow", "jax", "torch", "numpy")


def train_on(training: Training, state: Path) -> Outcome:
    """Train, and score validation and test images with the best epoch.

    A training that diverges has an outcome as well: its history, and what happened. So has one
    whose search for options found none that can be trained.

    Args:
        training: of a network.
        state: file of the unfinished training, from which it resumes after its last epoch.

    Raises:
        StudyError: as in `pipeline.deep.training.fitting.train`, but for a divergence.
    """
    started = time.perf_counter()
    learned = lesson(training)
    spec, facts = _spec(training, len(learned.labels["train"]))
    images = {split: load_images(split) for split in SPLITS}
    rows, labels = dict(learned.rows), dict(learned.labels)
    if facts["passes"] > 1:
        there = np.arange(len(images["train"])) if rows["train"] is None else rows["train"]
        rows["train"] = np.tile(there, facts["passes"])
        labels["train"] = np.tile(labels["train"], facts["passes"])
    whole = None
    if any(each is not None for each in rows.values()):
        whole = Whole(images, rows)
        images = whole.split_up()
    task = TrialTask(images, labels, learned.n_classes, training.seed, BASE_FEATURES, whole)
    try:
        if spec.tune is not None:
            trials = _Trials(state)
            found = trials.search(spec, task)
            spec, state = found.spec, trials.state_of(found.spec)
            facts |= {"chosen": found.notes["chosen"], "tuning_seconds": found.seconds}
        trained = train(
            spec,
            images,
            labels,
            learned.n_classes,
            training.seed,
            BASE_FEATURES,
            Checkpoint(state),
            whole,
            checks=False,
        )
    except Diverged as error:
        return _diverged(error, facts, time.perf_counter() - started)
    finally:
        keras.utils.clear_session(free_memory=True)
    return _outcome(trained, facts, time.perf_counter() - started)


class _Trials(KeptTrials):
    """The kept trials of the search in a training: after a kill none is made again.

    Args:
        state: file of the unfinished training, whose name contains all that determines it.
    """

    def __init__(self, state: Path) -> None:
        super().__init__(f"{state.parent.name}/{state.stem}", {})
        self._states: list[str] = []

    def search(self, spec: DeepSpec, task: TrialTask) -> Tuned:
        """Search options.

        Raises:
            Diverged: if no trial was trained to its end because all diverged.
            StudyError: as in `tune`.
        """
        try:
            return tune(spec, task, self)
        except StudyError as error:
            if set(self._states) != {"diverged"}:
                raise
            raise Diverged(str(error), 1) from error

    def state_of(self, spec: DeepSpec) -> Path:
        """Return the file of the training with the options that were chosen.

        A training with options that another search had chosen must not resume from it.
        """
        return cast("Path", self.unfinished(spec))

    def finished(self, spec: DeepSpec) -> dict[str, Any] | None:
        """Return what is kept of a trial with these options."""
        return self._noted(super().finished(spec))

    def keep(self, spec: DeepSpec, facts: dict[str, Any]) -> dict[str, Any]:
        """Keep what a finished trial has reached."""
        self._noted(facts)
        return super().keep(spec, facts)

    def _noted(self, facts: dict[str, Any] | None) -> dict[str, Any] | None:
        self._states += [facts["state"]] if facts is not None else []
        return facts


def what_determines(training: Training) -> dict[str, Any]:
    """Return all that determines such a training besides options, images, rows, seed and code."""
    spec = cast("DeepSpec", training.spec)
    _set_up(spec)  # before anything is computed, as the measurement behind `precision` is
    return {
        "files": spec.record(),
        "backend": keras.backend.backend(),
        "device": device_name(),
        "precision": compute_policy(spec.precision),
        "versions": versions(*_LIBRARIES),
    }


def passes(training: Training) -> int:
    """Return how often an epoch of a training goes over its images."""
    _, facts = _spec(training, len(lesson(training).labels["train"]))
    return int(facts["passes"])


def passes_over(images: int, batch_size: int, epochs: int, steps: int | None) -> int:
    """Return how often an epoch goes over its images, so that all epochs have enough steps.

    Args:
        images: of the training.
        batch_size: at most `images`.
        epochs: of the training.
        steps: the fewest of all epochs together; None for one pass per epoch.
    """
    if steps is None:
        return 1
    per_epoch = math.ceil(steps / epochs)
    return max(1, math.ceil(per_epoch * batch_size / images))


def _spec(training: Training, images: int) -> tuple[DeepSpec, dict[str, Any]]:
    """Return the options as they are trained with, and what was decided here."""
    spec = cast("DeepSpec", training.spec)
    batch_size = min(spec.batch_size, images)
    epochs = sum(each.epochs for each in spec.phases())
    passes = passes_over(images, batch_size, epochs, training.steps)
    facts = {"images": images, "passes": passes, "batch_size": batch_size}
    return spec.model_copy(update={"batch_size": batch_size, "tta": "none"}), facts


def _set_up(spec: DeepSpec) -> None:
    if spec.fixed_threads is not None:
        use_threads(spec.fixed_threads)
    if spec.deterministic:
        make_deterministic()


def _outcome(trained: TrainedNetwork, facts: dict[str, Any], wall: float) -> Outcome:
    epochs = trained.notes["epochs_run"]
    return Outcome(
        scores={split: trained.scores[split] for split in SCORED},
        history=trained.history,
        seconds=trained.train_seconds,
        facts=facts
        | _steps(facts, epochs)
        | {"best_epoch": trained.notes["best_epoch"], "wall_seconds": wall},
    )


def _diverged(error: Diverged, facts: dict[str, Any], wall: float) -> Outcome:
    history = error.history or TrainingHistory()
    return Outcome(
        scores={},
        history=history.table,
        seconds=wall,
        diverged=str(error),
        facts=facts
        | _steps(facts, len(history.epochs))
        | {"best_epoch": history.best_epoch, "wall_seconds": wall}
        | {"diverged_epoch": error.epoch},
    )


def _steps(facts: dict[str, Any], epochs: int) -> dict[str, int]:
    per_epoch = facts["images"] * facts["passes"] // facts["batch_size"]
    return {"epochs_run": epochs, "steps": epochs * per_epoch}
