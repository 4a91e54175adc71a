"""Trainings that are kept as soon as they end, and never made twice.

Each is named by the hash of all that determines it (`training_key`), in ``.resume/``. So an edit to
one value of many repeats one training, and a kill loses at most the one that was running, which
resumes after its last epoch if it is of a network. Several stages may ask for the same training,
also at once: the first one makes it, and the others wait. It is removed when the last of them no
longer asks for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.fingerprints import guard
from pipeline.keras_backend import load_keras
from pipeline.progress import duration
from pipeline.storage import integrity, resume
from pipeline.storage.files import save_json
from pipeline.storage.runs import HISTORY_COLUMNS
from pipeline.storage.splits import learning_seal
from pipeline.trainings import classifiers
from pipeline.trainings.training import SCORED, Outcome, Training

KEPT = "_trainings"
"""The folder of these trainings among those of the runs; no run has such a name."""
_TRIALS = f"_trials/{KEPT}"
"""The folder of their searches for options, as `pipeline.deep.tuning.kept.KeptTrials` names it."""


class KeptTrainings:
    """The trainings of one stage.

    Use it as a context: if the block succeeds, trainings that an earlier version of the stage asked
    for, and that no stage asks for now, are removed.

    Args:
        stage: such as ``sample_size``.
        entry: of the stage: ``lenet5``.
        entries: all that the stage has now; what others asked for is removed, too.
    """

    def __init__(self, stage: str, entry: str, entries: Collection[str]) -> None:
        self._list = _list_of(stage, entry)
        self._current = {_list_of(stage, each) for each in (entry, *entries)}
        self._lists = f"{stage}.*.json"
        self._before = _listed(self._list)
        self._asked: set[str] = set()

    def __enter__(self) -> KeptTrainings:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if kind is None:
            save_json(self._list, sorted(self._asked))
            _prune((self._before - self._asked) | self._of_former_entries())

    def _of_former_entries(self) -> set[str]:
        """Remove the lists of entries that the stage no longer has; return what was in them."""
        former = set(self._list.parent.glob(self._lists)) - self._current
        found = {key for path in former for key in _listed(path)}
        for path in former:
            path.unlink(missing_ok=True)
        return found

    def outcome(self, training: Training, told: str) -> Outcome:
        """Return what a training leaves: what is kept of it, or else after training it.

        Args:
            training: to make.
            told: what it is, for a line in the terminal.

        Raises:
            StudyError: if it fails for any reason but a divergence, which is an outcome.
        """
        key = training_key(training)
        self._asked.add(key)
        save_json(self._list, sorted(self._before | self._asked))
        kept = resume.kept_scores(KEPT, key)
        if kept is None:
            with _alone(key, told):
                # Another stage may have made it while this one waited.
                kept = resume.kept_scores(KEPT, key)
                if kept is None:
                    return _restored(_made(training, key, told))
        print(f"{told}: already trained, restored from {resume.SEEDS}", flush=True)
        return _restored(kept)


def _made(training: Training, key: str, told: str) -> resume.TrainingState:
    print(told, flush=True)
    began = time.perf_counter()
    outcome = _module(training.kind).train_on(training, resume.state_file(KEPT, key))
    state = resume.keep_scores(KEPT, key, dict(outcome.scores), _facts(outcome))
    _forget_trials(key)
    took = duration(time.perf_counter() - began)
    print(f"{told}: {outcome.diverged or took}", flush=True)
    return state


@contextmanager
def _alone(key: str, told: str) -> Iterator[None]:
    """Let one process at a time make a training; the lock ends with the process.

    Each key has a byte of its own in one file, so that there is no file per lock to remove. The
    file need not be as long.
    """
    with (resume.SEEDS / KEPT / "lock").open("a") as stream:
        place = int(key[:15], 16)
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place, os.SEEK_SET)
        except (BlockingIOError, PermissionError):  # POSIX allows both
            print(f"{told}: waiting for another stage that makes the same training", flush=True)
            fcntl.lockf(stream, fcntl.LOCK_EX, 1, place, os.SEEK_SET)
        yield


def training_key(training: Training) -> str:
    """Return the hash of all that determines a training, so that equal ones are made once."""
    spec, module = training.spec, _module(training.kind)
    return resume.state_key(
        {
            **module.what_determines(training),
            "kind": training.kind,
            "options": spec.model_dump(mode="json", exclude={"seeds", "tta"}),
            "seed": training.seed,
            "rows": _digest(training.rows),
            "steps": _passes(training),
            "classes": training.classes,
            "data": learning_seal(),
            "code": guard.training_digest(module.__name__, (training.kind, spec.method)),
        }
    )


def _passes(training: Training) -> int | None:
    """Return what `steps` come to, how often an epoch goes over its images; None for once.

    An edit to `steps` concerns the trainings in which that changes.
    """
    if training.steps is None or training.kind == "classical":
        return None
    passes = int(_module(training.kind).passes(training))
    return passes if passes > 1 else None


def _module(kind: str) -> ModuleType:
    """Return the module that trains runs of a kind; that of networks takes seconds to import."""
    if kind == "classical":
        return classifiers
    load_keras()
    from pipeline.trainings import networks

    return networks


def _digest(rows: NDArray[np.int64] | None) -> str | None:
    return None if rows is None else integrity.digest(rows.tolist())


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "history": outcome.history[list(HISTORY_COLUMNS)].to_dict("split")["data"],
        "seconds": outcome.seconds,
        "diverged": outcome.diverged,
        "facts": outcome.facts,
    }


def _restored(state: resume.TrainingState) -> Outcome:
    facts = state.facts
    return Outcome(
        scores={split: state.arrays[split] for split in SCORED if split in state.arrays},
        history=pd.DataFrame(facts["history"], columns=list(HISTORY_COLUMNS)),
        seconds=facts["seconds"],
        diverged=facts["diverged"],
        facts=facts["facts"],
    )


def _list_of(stage: str, entry: str) -> Path:
    return resume.SEEDS / KEPT / f"{stage}.{entry}.json"


def _listed(path: Path) -> set[str]:
    """Return the keys in a list of trainings; none if it is missing or damaged."""
    try:
        return {str(key) for key in json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError):
        return set()


def _prune(dropped: set[str]) -> None:
    """Remove trainings that no stage asks for any more."""
    lists = (resume.SEEDS / KEPT).glob("*.json")
    for key in dropped - {key for path in lists for key in _listed(path)}:
        resume.forget(KEPT, key)
        _forget_trials(key)


def _forget_trials(key: str) -> None:
    """Remove what the search in a training has kept, now that the training is kept, or unwanted."""
    for parent in (resume.TRAINING, resume.SEEDS):
        shutil.rmtree(parent / _TRIALS / key, ignore_errors=True)
