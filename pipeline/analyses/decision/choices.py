"""Tiers of runs that do not differ, and the runs that are shown to be nearly as good as the best.

Runs come in the order of the validation split, which knows nothing of the test images; the tests
are on the test images, first seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.class_balance import balanced_weights
from pipeline.statistics.cross_validation import FoldMean, fold_mean, wider
from pipeline.statistics.multiple_comparisons import holm
from pipeline.statistics.paired_difference import (
    balanced_difference,
    non_inferiority_p_value,
    score_interval,
)
from pipeline.statistics.proportions import Interval
from pipeline.statistics.significance import McNemar, mcnemar

ALPHA = 0.05
"""Level of the tests; one-sided ones take half of it."""


class Difference(Protocol):
    """The difference of two runs on the test images, the first less the second."""

    @property
    def difference(self) -> float:
        """Of accuracies, or of balanced accuracies."""

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference."""

    def non_inferiority_p_value(self, margin: float) -> float:
        """One-sided, of the first run being worse by the margin or more."""

    def interval(self) -> Interval:
        """Of the difference, 95%."""


@dataclass(frozen=True)
class _OfAccuracies:
    counts: McNemar

    @property
    def difference(self) -> float:
        return self.counts.difference

    @property
    def p_value(self) -> float:
        return self.counts.p_value

    def non_inferiority_p_value(self, margin: float) -> float:
        return non_inferiority_p_value(self.counts, margin)

    def interval(self) -> Interval:
        return score_interval(self.counts)


@dataclass(frozen=True)
class _OverFolds:
    """The same for a cross-validation: no test is more certain than the corrected one."""

    images: Difference
    """As if all images were independent."""
    folds: FoldMean

    @property
    def difference(self) -> float:
        return self.images.difference

    @property
    def p_value(self) -> float:
        return max(self.images.p_value, self.folds.p_value)

    def non_inferiority_p_value(self, margin: float) -> float:
        return max(
            self.images.non_inferiority_p_value(margin), self.folds.one_sided_p_value(-margin)
        )

    def interval(self) -> Interval:
        return wider(self.images.interval(), self.folds.interval())


def right(run: ScoredRun, labels: Labels) -> NDArray[np.bool_]:
    """Return (n,): whether the first seed classifies each test image correctly."""
    found: NDArray[np.bool_] = run.predicted[0]["test"] == labels.test
    return found


def compared(first: ScoredRun, second: ScoredRun, labels: Labels) -> Difference:
    """Compare two runs by what choices go by.

    Accuracies by the exact McNemar test and Tango's score tests and interval; balanced accuracies
    class by class, with Agresti and Min's adjustment. With folds, the corrected test over folds
    (`pipeline.statistics.cross_validation`) has to agree.
    """
    one, other = right(first, labels), right(second, labels)
    weights = np.ones(len(one))
    if labels.chosen_by == "accuracy":
        found: Difference = _OfAccuracies(mcnemar(one, other))
    else:
        found = balanced_difference(one, other, labels.test)
        weights = balanced_weights(labels.test)[labels.test]
    if labels.folds is None:
        return found
    return _OverFolds(found, fold_mean(weights * (one.astype(float) - other), labels.folds))


@dataclass(frozen=True)
class Tier:
    """Runs that are not significantly worse than the first of them."""

    runs: tuple[ScoredRun, ...]
    p_values: tuple[float, ...]
    """Of the comparison with the first, adjusted; NaN for the first itself."""


def tiers(runs: Sequence[ScoredRun], labels: Labels) -> list[Tier]:
    """Sort runs into tiers.

    The best remaining run by validation opens a tier. All remaining runs are compared with it on
    the test images, with Holm's correction for their number. Those that are not significantly worse
    are in its tier; the others go on to the next.

    Args:
        runs: the best on the validation split first.
        labels: of this study.
    """
    found, left = [], list(runs)
    while left:
        first, *others = left
        pairs = [compared(run, first, labels) for run in others]
        adjusted = holm([pair.p_value for pair in pairs]) if pairs else np.array([])
        worse = [pair.difference < 0 and p < ALPHA for pair, p in zip(pairs, adjusted, strict=True)]
        kept = [index for index, lost in enumerate(worse) if not lost]
        found.append(
            Tier(
                (first, *(others[index] for index in kept)),
                (float("nan"), *(float(adjusted[index]) for index in kept)),
            )
        )
        left = [run for run, lost in zip(others, worse, strict=True) if lost]
    return found


@dataclass(frozen=True)
class NearBest:
    """A run compared with the best, which is the first by validation."""

    run: ScoredRun
    difference: float
    """Its accuracy less that of the best."""
    interval: Interval
    p_value: float
    """One-sided, of being worse by the margin or more, adjusted for the number of runs."""

    @property
    def is_near(self) -> bool:
        """Whether it is shown to be less than the margin below the best."""
        return self.p_value < ALPHA / 2


def near_best(runs: Sequence[ScoredRun], labels: Labels, margin: float) -> list[NearBest]:
    """Compare every run with the first, which is the best by validation.

    Args:
        runs: the best on the validation split first.
        labels: of this study.
        margin: the difference that does not matter, above 0.
    """
    best, *others = runs
    if not others:
        return []
    pairs = [compared(run, best, labels) for run in others]
    adjusted = holm([pair.non_inferiority_p_value(margin) for pair in pairs])
    return [
        NearBest(run, pair.difference, pair.interval(), float(p))
        for run, pair, p in zip(others, pairs, adjusted, strict=True)
    ]
