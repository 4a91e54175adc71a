"""A run, checked and reduced to the classes that it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.analyses.records import RunRecord, check_record
from pipeline.checks import StudyError
from pipeline.statistics.cross_validation import fold_mean
from pipeline.statistics.per_class import ClassScores, class_scores, recalls
from pipeline.statistics.proportions import (
    Proportion,
    accuracy,
    mean_of,
    mean_proportion,
    predicted_classes,
    spread,
    top_accuracy,
)
from pipeline.storage.results import pretrained_on
from pipeline.storage.runs import HISTORY_COLUMNS, TUNING_COLUMNS, Card
from pipeline.storage.splits import SPLITS

CHOICE_AND_TEST = ("validation", "test")
"""Splits whose probabilities are kept: what is fitted to the one is scored on the other."""


@dataclass(frozen=True)
class ScoredRun:
    """A checked run: its predicted classes, scored against the labels."""

    name: str
    cards: tuple[Card, ...]
    """One per seed."""
    predicted: tuple[dict[str, NDArray[np.int64]], ...]
    """One per seed: split -> (n,) predicted classes."""
    history: pd.DataFrame
    """The histories of all seeds: columns ``run``, ``seed`` and `HISTORY_COLUMNS`."""
    tuning: pd.DataFrame
    """The trials of all seeds: columns ``run``, ``seed`` and `TUNING_COLUMNS`; empty
    where the options were given."""
    accuracies: tuple[dict[str, Proportion], ...]
    """One per seed: split -> accuracy."""
    probabilities: Mapping[str, NDArray[np.float32]]
    """validation and test -> (n, classes), of the first seed."""
    top2: tuple[Proportion, ...] = ()
    """One per seed: test images whose class is among the two of the highest scores. Empty with two
    classes, where all would be."""
    model_bytes: float = float("nan")
    """Size of the stored model's file, of the first seed."""
    augmented: tuple[dict[str, NDArray[np.int64]], ...] = ()
    """One per seed: each of `TTA_SPLITS` -> (n,) classes predicted with test-time augmentation;
    empty for a run without it. All other attributes are without it."""

    @property
    def family(self) -> str:
        """`classical`, `deep` or `hybrid`."""
        return self.cards[0].family

    def accuracy(self, split: str) -> Proportion:
        """Return the mean accuracy over seeds, on the images of one."""
        return mean_proportion([each[split] for each in self.accuracies])

    def recalls(self, split: str, labels: Labels) -> list[Proportion]:
        """Return the recall of each class that the split has, means over seeds."""
        return recalls([each[split] for each in self.predicted], labels.by_split[split])

    def balanced_accuracy(self, split: str, labels: Labels) -> float:
        """Return the mean recall of the classes, mean over seeds."""
        return mean_of(self.recalls(split, labels))

    def merit(self, labels: Labels) -> float:
        """Return what choices between runs go by (`Labels.chosen_by`), on the validation split."""
        if labels.chosen_by == "accuracy":
            return self.accuracy("validation").value
        return self.balanced_accuracy("validation", labels)

    def augmented_accuracies(self, labels: Labels) -> list[dict[str, Proportion]]:
        """Return the accuracies with test-time augmentation, one per seed; none without it."""
        return [
            {split: _accuracy(classes, split, labels) for split, classes in each.items()}
            for each in self.augmented
        ]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(n,) of the test split, see `confidence_of`."""
        return self.confidence_of("test")

    def confidence_of(self, split: str) -> NDArray[np.float32]:
        """Return (n,), of validation or test, first seed: the probability of the predicted class.

        That class need not be the likeliest one: a run predicts by its scores, and calibration may
        rank classes otherwise.
        """
        predicted = self.predicted[0][split]
        return self.probabilities[split][np.arange(len(predicted)), predicted]

    @property
    def test_seed_std(self) -> float:
        """Sample standard deviation of the test accuracy over seeds; NaN with one seed."""
        return spread([each["test"] for each in self.accuracies])

    @property
    def test_top2_accuracy(self) -> float:
        """Mean over seeds of the share of `top2`; NaN with two classes."""
        return mean_proportion(list(self.top2)).value if self.top2 else float("nan")

    @property
    def on_these_images_alone(self) -> bool:
        """Whether it has no weights that were learned from other images."""
        return pretrained_on(self.cards[0].notes) is None

    def mean(self, what: str) -> float:
        """Return the mean over seeds of a number of the card."""
        return float(np.mean([getattr(card, what) for card in self.cards]))

    def share_right(self, labels: Labels) -> NDArray[np.float64]:
        """Return (n,): the share of the seeds that classify each test image correctly."""
        return np.mean([each["test"] == labels.test for each in self.predicted], axis=0)

    def class_scores(self, labels: Labels) -> ClassScores:
        """Return the scores of each class, means over seeds; the support is that of one seed."""
        n_classes = len(labels.class_names)
        seeds = [class_scores(each["test"], labels.test, n_classes) for each in self.predicted]
        return ClassScores(
            precision=np.mean([each.precision for each in seeds], axis=0),
            recall=np.mean([each.recall for each in seeds], axis=0),
            f1=np.mean([each.f1 for each in seeds], axis=0),
            support=seeds[0].support,
        )


def _accuracy(predicted: NDArray[np.integer], split: str, labels: Labels) -> Proportion:
    """Count the right ones; with folds, the interval reflects training images as well."""
    found = accuracy(predicted, labels.by_split[split])
    if labels.folds is None:
        return found
    right = fold_mean(predicted == labels.by_split[split], labels.folds)
    return replace(found, effective_n=right.effective_images(found.n))


def score(run: RunRecord, labels: Labels) -> ScoredRun:
    """Check a run and reduce its scores to predicted classes.

    Raises:
        StudyError: naming the run and the command that repairs it, if a seed's predictions are not
            for exactly the images of each split, not one score per class, or not finite.
    """
    if not run.seeds:
        raise StudyError(f"run {run.name!r} has no seed; give it at least one in params.yaml")
    predicted, accuracies, histories, trials, top2, augmented = [], [], [], [], [], []
    for record in run.seeds:
        check_record(run, record, labels)
        classes = {split: predicted_classes(record.predictions.scores[split]) for split in SPLITS}
        predicted.append(classes)
        accuracies.append({s: _accuracy(classes[s], s, labels) for s in SPLITS})
        if len(labels.class_names) > 2:
            top2.append(top_accuracy(record.predictions.scores["test"], labels.test, 2))
        if shown := record.predictions.tta_scores:
            augmented.append({split: predicted_classes(shown[split]) for split in shown})
        history = record.history[list(HISTORY_COLUMNS)]
        histories.append(history.assign(run=run.name, seed=record.card.seed))
        if record.tuning is not None:
            trials.append(record.tuning.assign(run=run.name, seed=record.card.seed))
    empty = pd.DataFrame(columns=["run", "seed", *TUNING_COLUMNS])
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
        augmented=tuple(augmented),
    )
