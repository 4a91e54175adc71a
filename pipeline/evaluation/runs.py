"""What evaluation takes of a run, the checks before anything is computed, and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_finite, check_labels, check_paired, listing
from pipeline.evaluation.accuracy import (
    Proportion,
    accuracy,
    mean_proportion,
    predicted_classes,
    spread,
    top_accuracy,
)
from pipeline.results import TUNING_RESULT_COLUMNS, learnt_elsewhere
from pipeline.storage.runs import HISTORY_COLUMNS, TUNING_COLUMNS, Card, Predictions
from pipeline.storage.splits import SPLITS

CHOICE_AND_TEST = ("validation", "test")
"""Splits whose probabilities are kept: what is fitted to the one is held against the other."""


@dataclass(frozen=True)
class SeedRecord:
    """What one seed of a run has left on disk."""

    card: Card
    predictions: Predictions
    history: pd.DataFrame
    """Columns `HISTORY_COLUMNS`."""
    tuning: pd.DataFrame | None = None
    """Columns `TUNING_COLUMNS`, where the run was tuned."""
    model_bytes: float = float("nan")
    """Size of the stored model's file."""


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
    tuning: pd.DataFrame
    """Columns `TUNING_RESULT_COLUMNS`: the trials of all seeds; empty where options were given."""
    accuracies: tuple[dict[str, Proportion], ...]
    """One a seed: split -> accuracy."""
    probabilities: Mapping[str, NDArray[np.float32]]
    """validation and test -> (n, classes), of the first seed."""
    top2: tuple[Proportion, ...] = ()
    """One a seed: test images whose class is among the two of the highest scores. Empty with two
    classes, where all would be."""
    model_bytes: float = float("nan")
    """Size of the stored model's file, of the first seed."""

    @property
    def family(self) -> str:
        """`classical`, `deep` or `hybrid`."""
        return self.cards[0].family

    def accuracy(self, split: str) -> Proportion:
        """Return the mean accuracy over seeds, on the images of one."""
        return mean_proportion([each[split] for each in self.accuracies])

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(n,) of the test split, first seed: the probability of the predicted class.

        That class need not be the likeliest one: calibration may rank classes otherwise than the
        scores, by which a run predicts.
        """
        predicted = self.predicted[0]["test"]
        return self.probabilities["test"][np.arange(len(predicted)), predicted]

    @property
    def test_seed_std(self) -> float:
        """Sample standard deviation of the test accuracy over seeds; not a number with one."""
        return spread([each["test"] for each in self.accuracies])

    @property
    def test_top2_accuracy(self) -> float:
        """Mean over seeds of the share of `top2`; not a number with two classes."""
        return mean_proportion(list(self.top2)).value if self.top2 else float("nan")

    @property
    def on_these_images_alone(self) -> bool:
        """Whether it has no weights that were learnt on other images."""
        return learnt_elsewhere(self.cards[0].notes) is None

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
    predicted, accuracies, histories, trials, top2 = [], [], [], [], []
    for record in run.seeds:
        _check(run, record, answers)
        classes = {split: predicted_classes(record.predictions.scores[split]) for split in SPLITS}
        predicted.append(classes)
        accuracies.append({s: accuracy(classes[s], answers.labels[s]) for s in SPLITS})
        if len(answers.class_names) > 2:
            test = np.asarray(answers.labels["test"])
            top2.append(top_accuracy(record.predictions.scores["test"], test, 2))
        history = record.history[list(HISTORY_COLUMNS)]
        histories.append(history.assign(run=run.name, seed=record.card.seed))
        if record.tuning is not None:
            trials.append(record.tuning.assign(run=run.name, seed=record.card.seed))
    empty = pd.DataFrame(columns=list(TUNING_RESULT_COLUMNS))
    return ScoredRun(
        name=run.name,
        cards=tuple(record.card for record in run.seeds),
        predicted=tuple(predicted),
        history=pd.concat(histories, ignore_index=True),
        tuning=pd.concat(trials, ignore_index=True)[list(empty)] if trials else empty,
        accuracies=tuple(accuracies),
        probabilities={s: run.seeds[0].predictions.probabilities[s] for s in CHOICE_AND_TEST},
        top2=tuple(top2),
        model_bytes=run.seeds[0].model_bytes,
    )


def _check(run: RunRecord, record: SeedRecord, answers: Answers) -> None:
    what = f"run {run.name!r}, seed {record.card.seed}"
    _check_columns(record.history, HISTORY_COLUMNS, f"{what}: the history", run.remedy)
    if record.tuning is not None:
        _check_columns(record.tuning, TUNING_COLUMNS, f"{what}: the table of trials", run.remedy)
    if not np.isfinite(record.history["value"].to_numpy(dtype=float, na_value=np.nan)).all():
        raise StudyError(
            f"{what}: the history holds a value that is no finite number; the file may be cut. "
            f"Repair it with: {run.remedy}"
        )
    for split in SPLITS:
        here = f"{what}, {split} predictions"
        ids = record.predictions.ids[split]
        check_paired(ids, np.asarray(answers.ids[split]), here, run.remedy)
        shape = (len(ids), len(answers.class_names))
        _check_numbers(record.predictions.scores[split], shape, "scores", here, run.remedy)
        shares = record.predictions.probabilities[split]
        _check_numbers(shares, shape, "probabilities", here, run.remedy)
        _check_shares(shares, here, run.remedy)


def _check_columns(table: pd.DataFrame, columns: Sequence[str], what: str, remedy: str) -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        raise StudyError(
            f"{what} has no column {listing(missing)}; expected {listing(columns)}. "
            f"Repair it with: {remedy}"
        )


def _check_numbers(
    values: NDArray[np.float32], shape: tuple[int, int], name: str, what: str, remedy: str
) -> None:
    if values.shape != shape:
        raise StudyError(
            f"{what}: found {name} of shape {values.shape}; expected {shape}, one an image "
            f"and class. Repair it with: {remedy}"
        )
    try:
        check_finite(values, what)
    except StudyError as error:
        raise StudyError(f"{error}. Repair it with: {remedy}") from None


def _check_shares(values: NDArray[np.float32], what: str, remedy: str) -> None:
    """Raise `StudyError` unless rows are shares that sum to 1, as far as half precision tells."""
    sums = values.sum(axis=1)
    wrong = np.flatnonzero((np.abs(sums - 1) > 0.01) | (values.min(axis=1) < 0))
    if wrong.size:
        row = int(wrong[0])
        raise StudyError(
            f"{what}: found probabilities from {values[row].min():.3g} that sum to "
            f"{sums[row]:.3g} in row {row}; expected none below 0, and a sum of 1. "
            f"Repair it with: {remedy}"
        )
