"""Runs that were tested on corrupted images: checked, and reduced to where they are right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.checks import StudyError, check_finite, listing
from pipeline.statistics.proportions import predicted_classes
from pipeline.storage.corrupted import CorruptedScores


@dataclass(frozen=True)
class CorruptedRecord:
    """What the stage `corrupt` has left of a run, and what params.yaml says of it."""

    scores: CorruptedScores
    remedy: str
    """The command that regenerates it."""
    limit: int
    """Images, or all of the test split if that has fewer."""
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]


@dataclass(frozen=True)
class CorruptedRun:
    """A checked measurement: on which images a run is right."""

    name: str
    family: str
    seed: int
    """Of the model."""
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    missing: Mapping[str, str]
    """Published corruptions that are not applied, and why."""
    ids: NDArray[np.int64]
    """(n,) of the images, ascending."""
    clean: NDArray[np.bool_]
    """(n,): right on the image as it is."""
    right: NDArray[np.bool_]
    """(corruptions, severities, n): right on the corrupted image."""

    @cached_property
    def share(self) -> NDArray[np.float64]:
        """(n,): the share of corruptions and severities under which it is right."""
        return self.right.mean(axis=(0, 1))

    def part(
        self, ids: NDArray[np.int64], corruptions: Sequence[str], severities: Sequence[int]
    ) -> CorruptedRun:
        """Return the measurement of some of its images, corruptions and severities."""
        rows = [self.corruptions.index(name) for name in corruptions]
        levels = [self.severities.index(severity) for severity in severities]
        columns = np.searchsorted(self.ids, ids)
        return CorruptedRun(
            name=self.name,
            family=self.family,
            seed=self.seed,
            corruptions=tuple(corruptions),
            severities=tuple(severities),
            missing=self.missing,
            ids=ids,
            clean=self.clean[columns],
            right=self.right[rows][:, levels][:, :, columns],
        )


def score_corrupted(
    records: Iterable[CorruptedRecord], runs: Sequence[ScoredRun], labels: Labels, seed: int
) -> list[CorruptedRun]:
    """Check what `corrupt` has left and score it against the labels, in the order of `runs`.

    Args:
        records: of some runs of the roster; a generator keeps one run's scores in memory.
        runs: all checked runs, sorted by validation accuracy.
        labels: of the test split.
        seed: of the study.

    Raises:
        StudyError: naming the run and the command that repairs it, if scores are of other images,
            corruptions or severities than params.yaml asks for, not one per class, or not finite.
    """
    known = {run.name: run for run in runs}
    found = {}
    for record in records:
        name = record.scores.card.run
        if name not in known:
            raise StudyError(f"found corrupted scores of {name!r}, which is no run of this study")
        _check(record, known[name], labels, seed)
        found[name] = _reduce(record.scores, known[name], labels)
    return [found[run.name] for run in runs if run.name in found]


def _check(record: CorruptedRecord, run: ScoredRun, labels: Labels, seed: int) -> None:
    scores, card, remedy = record.scores, record.scores.card, record.remedy
    what = f"run {run.name!r}, corrupted"
    seeds = [each.seed for each in run.cards]
    _check_same(card.seed in seeds, f"{what}: seed of the model", card.seed, listing(seeds), remedy)
    _check_same(card.study_seed == seed, f"{what}: study's seed", card.study_seed, seed, remedy)
    for setting in ("corruptions", "severities"):
        there, asked = getattr(card, setting), getattr(record, setting)
        _check_same(there == asked, f"{what}: {setting}", listing(there), listing(asked), remedy)
    ids = labels.test_ids
    n = min(record.limit, len(ids))
    _check_same(scores.ids.shape == (n,), f"{what}: images", len(scores.ids), n, remedy)
    if len(np.unique(scores.ids)) < n or not np.isin(scores.ids, ids).all():
        raise StudyError(
            f"{what}: found images that the test split does not hold, or one twice. "
            f"Repair it with: {remedy}"
        )
    _check_scores(scores.clean[None], (1, n, len(labels.class_names)), f"{what}, clean", remedy)
    for name, values in scores.corrupted.items():
        shape = (len(card.severities), n, len(labels.class_names))
        _check_scores(values, shape, f"{what} by {name}", remedy)


def _check_same(same: bool, what: str, found: object, expected: object, remedy: str) -> None:
    if not same:
        raise StudyError(f"{what}: found {found}; expected {expected}. Repair it with: {remedy}")


def _check_scores(
    values: NDArray[np.float32], shape: tuple[int, int, int], what: str, remedy: str
) -> None:
    if values.shape != shape:
        raise StudyError(
            f"{what}: found scores of shape {values.shape}; expected {shape}: severities, images, "
            f"classes. Repair it with: {remedy}"
        )
    try:
        for level in values:
            check_finite(level, what)
    except StudyError as error:
        raise StudyError(f"{error}. Repair it with: {remedy}") from None


def _reduce(scores: CorruptedScores, run: ScoredRun, labels: Labels) -> CorruptedRun:
    order = np.argsort(scores.ids)
    all_ids = labels.test_ids
    by_id = np.argsort(all_ids)
    rows = by_id[np.searchsorted(all_ids, scores.ids[order], sorter=by_id)]
    actual = labels.test[rows]
    right = [
        [predicted_classes(level[order]) == actual for level in scores.corrupted[name]]
        for name in scores.card.corruptions
    ]
    return CorruptedRun(
        name=run.name,
        family=run.family,
        seed=scores.card.seed,
        corruptions=scores.card.corruptions,
        severities=scores.card.severities,
        missing=scores.card.missing,
        ids=scores.ids[order],
        clean=predicted_classes(scores.clean[order]) == actual,
        right=np.array(right),
    )
