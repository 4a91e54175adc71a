"""What evaluation takes of a run, the checks before anything is computed, and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.artefacts import HISTORY_COLUMNS, SPLITS, Card, Predictions
from pipeline.checks import StudyError, check_finite, check_labels, check_paired, listing
from pipeline.evaluation.accuracy import Proportion, accuracy, mean_proportion, predicted_classes


@dataclass(frozen=True)
class SeedRecord:
    """What one seed of a run has left on disk."""

    card: Card
    predictions: Predictions
    history: pd.DataFrame
    """Columns `artefacts.HISTORY_COLUMNS`."""


@dataclass(frozen=True)
class RunRecord:
    """A run of the roster with what each of its seeds has left."""

    name: str
    remedy: str
    """The command that makes these files anew, for messages."""
    seeds: tuple[SeedRecord, ...]


@dataclass(frozen=True)
class Answers:
    """The right answers, split by split, that all runs are held against."""

    class_names: tuple[str, ...]
    labels: Mapping[str, NDArray[np.integer]]
    """split -> (n,) labels in [0, classes)."""
    ids: Mapping[str, NDArray[np.integer]]
    """split -> (n,) image ids, in the order of the labels."""

    def check(self) -> None:
        """Raise `StudyError` unless each split has one label an image, of a known class."""
        for split in SPLITS:
            n = len(self.ids[split])
            if n == 0:
                raise StudyError(f"the {split} split has no image; run: dvc repro prepare")
            check_labels(
                np.asarray(self.labels[split]), n, len(self.class_names), f"labels of {split}"
            )


@dataclass(frozen=True)
class ScoredRun:
    """A checked run: its predicted classes, held against the answers."""

    name: str
    cards: tuple[Card, ...]
    """One a seed."""
    predicted: tuple[dict[str, NDArray[np.int64]], ...]
    """One a seed: split -> (n,) predicted classes."""
    history: pd.DataFrame
    """Columns `LEARNING_CURVE_COLUMNS`: the histories of all seeds."""
    accuracies: tuple[dict[str, Proportion], ...]
    """One a seed: split -> accuracy."""

    @property
    def family(self) -> str:
        """`classical`, `deep` or `hybrid`."""
        return self.cards[0].family

    def accuracy(self, split: str) -> Proportion:
        """Return the mean accuracy over seeds, on the images of one."""
        return mean_proportion([each[split] for each in self.accuracies])

    def mean(self, what: str) -> float:
        """Return the mean over seeds of a number of the card."""
        return float(np.mean([getattr(card, what) for card in self.cards]))


def score(run: RunRecord, answers: Answers) -> ScoredRun:
    """Check a run and reduce its scores to predicted classes.

    Raises:
        StudyError: naming the run and the command that repairs it, if a seed's predictions are not
            for exactly the images of each split, not one score a class, or not finite.
    """
    if not run.seeds:
        raise StudyError(f"run {run.name!r} has no seed; give it at least one in params.yaml")
    predicted, accuracies, histories = [], [], []
    for record in run.seeds:
        _check(run, record, answers)
        classes = {split: predicted_classes(record.predictions.scores[split]) for split in SPLITS}
        predicted.append(classes)
        accuracies.append({s: accuracy(classes[s], answers.labels[s]) for s in SPLITS})
        history = record.history[list(HISTORY_COLUMNS)]
        histories.append(history.assign(run=run.name, seed=record.card.seed))
    return ScoredRun(
        name=run.name,
        cards=tuple(record.card for record in run.seeds),
        predicted=tuple(predicted),
        history=pd.concat(histories, ignore_index=True),
        accuracies=tuple(accuracies),
    )


def _check(run: RunRecord, record: SeedRecord, answers: Answers) -> None:
    what = f"run {run.name!r}, seed {record.card.seed}"
    missing = [name for name in HISTORY_COLUMNS if name not in record.history]
    if missing:
        raise StudyError(
            f"{what}: the history has no column {listing(missing)}; "
            f"expected {listing(HISTORY_COLUMNS)}. Repair it with: {run.remedy}"
        )
    if not np.isfinite(record.history["value"].to_numpy(dtype=float, na_value=np.nan)).all():
        raise StudyError(
            f"{what}: the history holds a value that is no finite number; the file may be cut. "
            f"Repair it with: {run.remedy}"
        )
    for split in SPLITS:
        here = f"{what}, {split} predictions"
        ids, scores = record.predictions.ids[split], record.predictions.scores[split]
        check_paired(ids, np.asarray(answers.ids[split]), here, run.remedy)
        expected = (len(ids), len(answers.class_names))
        if scores.shape != expected:
            raise StudyError(
                f"{here}: found scores of shape {scores.shape}; expected {expected}, one an image "
                f"and class. Repair it with: {run.remedy}"
            )
        try:
            check_finite(scores, here)
        except StudyError as error:
            raise StudyError(f"{error}. Repair it with: {run.remedy}") from None
