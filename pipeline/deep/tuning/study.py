"""The search for a network's options, on training and validation images only.

How options are proposed and trials are pruned: `pipeline.tuning.trials`. A trial trains the network
and is scored by the validation accuracy of the epoch that it keeps, or by the balanced accuracy if
the largest class of the training split is over 1.5 times the smallest. What the validation accuracy
is after about an eighth, a quarter and half of the epochs decides whether it is pruned. A training
that diverges is a trial that has lost.

Few epochs favor options that learn fast (``epochs: null`` searches with as many as the run has),
and the winner's validation accuracy is optimistic, because it is the best of many.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.checks import StudyError
from pipeline.class_balance import are_unequal
from pipeline.config.registry import explain
from pipeline.deep.options import OWNERS
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.building import Whole
from pipeline.deep.training.failures import Diverged
from pipeline.deep.training.fitting import fit_best
from pipeline.deep.training.history import TrainingHistory
from pipeline.deep.tuning.kept import KeptTrials
from pipeline.deep.tuning.ranges import applies
from pipeline.deep.tuning.watched import Pruned, Report, Watched
from pipeline.tuning.trials import Progress, Proposal, Trials


@dataclass(frozen=True)
class Tuned:
    """What a search found, and what it cost."""

    spec: DeepSpec
    """The network with the chosen options and its original `tune`."""
    trials: pd.DataFrame
    """Columns `TUNING_COLUMNS`, in chronological order."""
    seconds: float
    """Of all trials, those from before an interruption included."""
    notes: dict[str, Any]
    """For the card: trials, images, epochs, pruned, best_validation_accuracy, chosen, ranges;
    diverged, if any trial did; chosen_by if that is not the accuracy."""


@dataclass(frozen=True)
class Task:
    """What is trained in each trial, and what is kept of it."""

    images: Mapping[str, NDArray[np.uint8]]
    """split -> (n, height, width, 3) uint8, RGB. Those of the test split are prepared like the
    others, but nothing is computed of them here."""
    labels: Mapping[str, NDArray[np.int64]]
    """"train" and "validation" -> (n,)."""
    n_classes: int
    seed: int
    """Of the search, and of each training."""
    cache_folder: Path | None = None
    """Cache for features of a frozen base; None disables it."""
    whole: Whole | None = None
    """Images of which those of the splits are parts; see `pipeline.deep.training.fitting.train`."""


def tune(spec: DeepSpec, task: Task, kept: KeptTrials | None = None) -> Tuned:
    """Search the ranges of ``spec.tune``; the same seed gives the same trials.

    As for a classical run, there is one search, with the first seed, and ties go to the first
    trial. A search that was interrupted goes on with the epoch after the last one that it finished.

    Args:
        spec: the run's options; `tune` is required.
        task: what is trained.
        kept: where finished trials are kept; None to keep none.

    Raises:
        StudyError: as in `train`, except for a divergence; if options that were sampled together
            contradict each other, or no trial could be trained to its end.
        ValueError: if ``spec.tune`` is None.
    """
    if spec.tune is None:
        raise ValueError("found no `tune` in the options; expected ranges to search")
    search = _Search(spec, task, kept or KeptTrials(None, {}))
    for _ in range(spec.tune.trials):
        search.run(search.trials.propose())
    if not search.trials.complete:
        raise StudyError(
            f"tune: found no trial of {spec.tune.trials} that was trained to its end, because all "
            "diverged; expected ranges with smaller learning rates, or options as given that can "
            "be trained"
        )
    rows = search.trials.rows
    chosen = with_chosen(spec, search.trials.best["options"], trial=False)
    return Tuned(
        spec=chosen.model_copy(update={"tune": spec.tune}),
        trials=search.trials.table,
        seconds=sum(row["seconds"] for row in rows),
        notes=search.trials.notes(search.balanced) | {"epochs": max(row["epochs"] for row in rows)},
    )


class _Search:
    """A search in progress."""

    def __init__(self, spec: DeepSpec, task: Task, kept: KeptTrials) -> None:
        if spec.tune is None:
            raise ValueError("found no `tune` in the options; expected ranges to search")
        self.spec, self.task, self.kept = spec, task, kept
        self.balanced = are_unequal(task.labels["train"])
        self.total = sum(each.epochs for each in spec.for_trial({}).phases())
        # Options that depend on another one last.
        names = sorted(spec.tune.ranges, key=lambda name: name in OWNERS)
        self.trials = Trials(
            spec.tune,
            {name: getattr(spec, name) for name in names},
            type(spec).model_fields,
            task.seed,
            first_step=max(1, round(self.total / 8)),
            applies=partial(applies, spec),
        )
        self.progress = Progress(self.trials)

    def run(self, proposal: Proposal) -> None:
        """Train a trial, or read what it has reached before."""
        spec = with_chosen(self.spec, proposal.options, trial=True)
        found = self.kept.finished(spec)
        if found is None:
            found = self.kept.keep(spec, self._trained(spec, proposal))
        else:
            self._replay(found["reached"], proposal)
        epochs = len(found["reached"])
        self.trials.add(
            proposal,
            found["state"],
            len(self.task.labels["train"]),
            epochs,
            math.nan if found["score"] is None else found["score"],
            found["seconds"],
        )
        self.progress.say(f"from {epochs} epoch{'s' if epochs != 1 else ''}")

    def _trained(self, spec: DeepSpec, proposal: Proposal) -> dict[str, Any]:
        """Train with the options of a trial; return what is kept of it."""
        watched = Watched(self.kept.unfinished(spec), self._epochs_of(proposal))
        started, task, state = time.perf_counter(), self.task, "complete"
        try:
            history = fit_best(
                spec,
                task.images,
                task.labels,
                task.n_classes,
                task.seed,
                task.cache_folder,
                watched,
                task.whole,
            )
        except Pruned as pruned:
            history, state = pruned.history, "pruned"
        except Diverged as error:
            history, state = error.history or TrainingHistory(), "diverged"
        finally:
            keras.utils.clear_session(free_memory=True)
        wall = time.perf_counter() - started
        return {
            "state": state,
            "reached": [self._accuracy(history, number) for number in range(len(history.epochs))],
            "score": None
            if state == "diverged"
            else self._accuracy(history, history.best_epoch - 1),
            # Epochs from before an interruption count with their original times.
            "seconds": max(wall, history.seconds),
        }

    def _epochs_of(self, proposal: Proposal) -> Report:
        """Return what reports the epochs of a trial that are new, and raises `Pruned`."""
        told = 0

        def report(history: TrainingHistory) -> None:
            nonlocal told
            while told < len(history.epochs):
                told += 1
                reached = self._accuracy(history, told - 1)
                if proposal.is_pruned(reached, told, last=told == self.total):
                    raise Pruned(history)

        return report

    def _replay(self, reached: list[float], proposal: Proposal) -> None:
        """Tell the search what a trial that was finished before has reached."""
        for step, each in enumerate(reached, start=1):
            if proposal.is_pruned(each, step, last=step == self.total):
                break

    def _accuracy(self, history: TrainingHistory, epoch: int) -> float:
        """Return the validation accuracy of an epoch, from 0."""
        measured = history.epochs[epoch].validation
        value = measured.balanced_accuracy if self.balanced else measured.accuracy
        return float(value)


def with_chosen(spec: DeepSpec, options: Mapping[str, Any], trial: bool) -> DeepSpec:
    """Return `spec` with the options of a trial, and for `trial` with as many epochs as it has.

    Raises:
        StudyError: if the options contradict each other.
    """
    try:
        return spec.for_trial(options) if trial else spec.with_options(options)
    except ValidationError as error:
        raise StudyError(explain(error, f"tune, trial with {dict(options)}", type(spec))) from None
