"""Runs that were trained on parts of the training images: checked, and scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.checks import StudyError, check_paired, listing
from pipeline.storage.runs import DIVERGED
from pipeline.storage.sample_size import SampleSizeCard, SizedPredictions


@dataclass(frozen=True)
class SizedRecord:
    """What the stage `sample_size` has left of a run, and what params.yaml says of it."""

    found: SizedPredictions
    remedy: str
    """The command that regenerates it."""
    sizes: tuple[int, ...]
    draws: int


@dataclass(frozen=True)
class SizedRun:
    """A checked run: where its trainings are right."""

    name: str
    family: str
    pretrained: bool
    """Whether it has weights that were learned from other images."""
    card: SampleSizeCard
    right: Mapping[str, NDArray[np.bool_]]
    """``validation`` and ``test`` -> (sizes, draws, n). A training that diverged counts as one that
    always predicts the most common class."""
    merit: float
    """At the largest size, on the validation split: what choices between runs go by."""

    def accuracy(self, split: str) -> NDArray[np.float64]:
        """Return (sizes, draws) accuracies."""
        return self.right[split].mean(axis=2)


def score_sized(
    records: Iterable[SizedRecord], runs: Sequence[ScoredRun], labels: Labels
) -> list[SizedRun]:
    """Check what `sample_size` has left, and score it; the best on the validation split first.

    Args:
        records: of some runs of the study.
        runs: all checked runs of the study.
        labels: of the validation and the test split.

    Raises:
        StudyError: naming the run and the command that repairs it, if predictions are of other
            images, sizes, draws or classes than there should be.
    """
    known = {run.name: run for run in runs}
    found = []
    for record in records:
        _check(record, labels)
        found.append(_scored(record.found, known[record.found.card.run], labels))
    return sorted(found, key=lambda run: -run.merit)


def _check(record: SizedRecord, labels: Labels) -> None:
    card = record.found.card
    what = f"run {card.run!r}, by sample size"
    asked = [(size, draw) for size in record.sizes for draw in range(record.draws)]
    there = [(each.images, each.draw) for each in card.trainings]
    if (card.sizes, card.draws, there) != (record.sizes, record.draws, asked):
        raise StudyError(
            f"{what}: found sizes {listing(card.sizes)}, {card.draws} draws and {len(there)} "
            f"trainings; expected {listing(record.sizes)}, {record.draws} draws and a training of "
            f"each. Repair it with: {record.remedy}"
        )
    for split, predicted in record.found.predicted.items():
        ids = np.asarray(labels.ids[split])
        check_paired(record.found.ids[split], ids, f"{what}, {split} predictions", record.remedy)
        shape = (len(card.sizes), card.draws, len(ids))
        last = len(labels.class_names) - 1
        if predicted.shape != shape:
            found = f"shape {predicted.shape}; expected {shape}: sizes, draws, images"
        elif predicted.min() < DIVERGED or predicted.max() > last:
            found = f"classes {predicted.min()} to {predicted.max()}; expected 0 to {last}"
        else:
            continue
        raise StudyError(
            f"{what}, {split} predictions: found {found}. Repair it with: {record.remedy}"
        )


def _scored(found: SizedPredictions, run: ScoredRun, labels: Labels) -> SizedRun:
    common = int(np.bincount(np.asarray(labels.by_split["train"])).argmax())
    right = {
        split: np.where(predicted == DIVERGED, common, predicted) == labels.by_split[split]
        for split, predicted in found.predicted.items()
    }
    return SizedRun(
        name=run.name,
        family=run.family,
        pretrained=not run.on_these_images_alone,
        card=found.card,
        right=right,
        merit=_merit(right["validation"][-1], labels),
    )


def _merit(right: NDArray[np.bool_], labels: Labels) -> float:
    """Return the mean over draws of what choices go by, from (draws, n) of the validation split."""
    if labels.chosen_by == "accuracy":
        return float(right.mean())
    recalls = [right[:, labels.validation == each].mean() for each in np.unique(labels.validation)]
    return float(np.mean(recalls))
