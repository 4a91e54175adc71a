"""Trainings that are kept as soon as they end, and never made twice.

Each is named by the hash of all that determines it (`training_key`), in ``.resume/``. So an edit to
one value of many repeats one training, and a kill loses at most the one that was running, which
resumes after its last epoch if it is of a network. Several stages may ask for the same training; it
is removed when the last of them no longer does.
"""

from __future__ import annotations

import json
import time
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


class KeptTrainings:
    """The trainings of one stage.

    Use it as a context: if the block succeeds, trainings that an earlier version of the stage asked
    for, and that no stage asks for now, are removed.

    Args:
        owner: name of the stage, with its entry: ``sample_size.lenet5``.
    """

    def __init__(self, owner: str) -> None:
        self._list = resume.SEEDS / KEPT / f"{owner}.json"
        self._before = _listed(self._list)
        self._asked: set[str] = set()

    def __enter__(self) -> KeptTrainings:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if kind is None:
            save_json(self._list, sorted(self._asked))
            _prune(self._before - self._asked)

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
        if kept is not None:
            print(f"{told}: already trained, restored from {resume.SEEDS}", flush=True)
            return _restored(kept)
        print(told, flush=True)
        began = time.perf_counter()
        outcome = _module(training.kind).train_on(training, resume.state_file(KEPT, key))
        state = resume.keep_scores(KEPT, key, dict(outcome.scores), _facts(outcome))
        took = duration(time.perf_counter() - began)
        print(f"{told}: {outcome.diverged or took}", flush=True)
        return _restored(state)


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
            "steps": training.steps,
            "classes": training.classes,
            "data": learning_seal(),
            "code": guard.training_digest(module.__name__, (training.kind, spec.method)),
        }
    )


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
