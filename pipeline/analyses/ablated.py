"""Ablations: what `ablations` has left, checked, and reduced to where each training is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.checks import StudyError, check_paired, listing
from pipeline.config.ablations import AblationOptions
from pipeline.storage.ablations import AblatedTraining, AblatedValue, AblationResults
from pipeline.storage.runs import DIVERGED


@dataclass(frozen=True)
class AblationRecord:
    """What an ablation has left, and what params.yaml says of it."""

    results: AblationResults
    options: AblationOptions
    remedy: str
    """The command that regenerates it."""


@dataclass(frozen=True)
class ScoredValue:
    """One value of an ablation, scored against the labels.

    A training that diverged counts as always predicting the most common class of its training
    images, as a network does that has learned nothing.
    """

    about: AblatedValue
    trainings: tuple[AblatedTraining, ...]
    """By repeat."""
    ids: NDArray[np.integer]
    """(n,) of the test images of its classes."""
    right: NDArray[np.bool_]
    """(repeats, n): right on the image."""
    curves: pd.DataFrame
    """Their histories: `CURVE_COLUMNS`."""
    common: float
    """Share of the most common class among the training images."""

    @property
    def label(self) -> str:
        """The value."""
        return self.about.label

    @property
    def diverged(self) -> int:
        """Number of trainings that diverged."""
        return sum(bool(each.diverged) for each in self.trainings)

    @cached_property
    def kept(self) -> pd.DataFrame:
        """A row per repeat, at the kept epoch; NaN where the training diverged.

        Columns: ``train accuracy``, ``validation accuracy``, and ``validation loss``, which
        classical runs do not have.
        """
        table = self.curves.assign(name=self.curves["split"] + " " + self.curves["metric"])
        rows = []
        for each in self.trainings:
            own = table[table["repeat"] == each.repeat]
            at = each.best_epoch or own["x"].max()
            row = own[own["x"] == at].set_index("name")["value"]
            rows.append({} if each.diverged else row.to_dict())
        names = ["train accuracy", "validation accuracy", "validation loss"]
        return pd.DataFrame(rows).reindex(columns=names).astype(float)

    def epochs_to(self, target: float) -> list[int | None]:
        """Return the first epoch of each training with such a validation accuracy, or None."""
        rows = self.curves[
            (self.curves["split"] == "validation")
            & (self.curves["metric"] == "accuracy")
            & (self.curves["x_kind"] == "epoch")
            & (self.curves["value"] >= target)
        ]
        first = rows.groupby("repeat")["x"].min()
        return [int(first[each.repeat]) if each.repeat in first else None
                for each in self.trainings]  # fmt: skip


@dataclass(frozen=True)
class ScoredAblation:
    """One ablation."""

    name: str
    options: AblationOptions
    values: tuple[ScoredValue, ...]
    """In the order of params.yaml."""
    reference: str
    """The value that the others are tested against."""

    def value(self, label: str) -> ScoredValue:
        """Return one of its values."""
        return next(each for each in self.values if each.label == label)

    @property
    def longest(self) -> int:
        """The most epochs of a training."""
        return max(each.epochs_run for value in self.values for each in value.trainings)


def score_ablations(records: Iterable[AblationRecord], labels: Labels) -> list[ScoredAblation]:
    """Check what ablations have left, and score it against the labels.

    Raises:
        StudyError: naming the ablation and the command that repairs it, if results are of other
            values, repeats or images than params.yaml asks for.
    """
    return [_score(record, labels) for record in records]


def _score(record: AblationRecord, labels: Labels) -> ScoredAblation:
    card = record.results.card
    _check(record, labels)
    trainings = {
        value.label: tuple(each for each in card.trainings if each.label == value.label)
        for value in card.values
    }
    return ScoredAblation(
        name=card.name,
        options=record.options,
        values=tuple(
            _value(about, trainings[about.label], predicted, record.results.curves, labels)
            for about, predicted in zip(card.values, record.results.predicted, strict=True)
        ),
        reference=card.reference,
    )


def _value(
    about: AblatedValue,
    trainings: tuple[AblatedTraining, ...],
    predicted: NDArray[np.int16],
    curves: pd.DataFrame,
    labels: Labels,
) -> ScoredValue:
    counts = np.bincount(np.asarray(labels.by_split["train"]), minlength=len(labels.class_names))
    counts = counts[list(about.classes)]
    common = about.classes[int(counts.argmax())]
    there = np.isin(labels.test, about.classes)
    said = np.where(predicted == DIVERGED, common, predicted)[:, there]
    return ScoredValue(
        about=about,
        trainings=trainings,
        ids=labels.test_ids[there],
        right=said == labels.test[there],
        curves=curves[curves["label"] == about.label],
        common=float(counts.max() / counts.sum()),
    )


def _check(record: AblationRecord, labels: Labels) -> None:
    card, options, remedy = record.results.card, record.options, record.remedy
    what = f"ablation {card.name!r}"
    labels_found = [value.label for value in card.values]
    expected = [(value, repeat) for value in options.values for repeat in range(options.repeats)]
    found = [(each.label, each.repeat) for each in card.trainings]
    if labels_found != list(options.values) or found != expected:
        raise StudyError(
            f"{what}: found {len(found)} trainings of {listing(labels_found)}; expected "
            f"{options.repeats} of each of {listing(options.values)}. Repair it with: {remedy}"
        )
    check_paired(record.results.ids, labels.test_ids, what, remedy)
    shape = (len(card.values), options.repeats, len(labels.test))
    predicted = record.results.predicted
    if predicted.shape != shape:
        raise StudyError(
            f"{what}: found predictions of shape {predicted.shape}; expected {shape}: values, "
            f"repeats, images. Repair it with: {remedy}"
        )
    for value, each in zip(card.values, predicted, strict=True):
        if (
            not set(value.classes) <= set(range(len(labels.class_names)))
            or not np.isin(each, (*value.classes, DIVERGED)).all()
        ):
            raise StudyError(
                f"{what}, {value.label}: found predictions of classes that it does not tell "
                f"apart. Repair it with: {remedy}"
            )
