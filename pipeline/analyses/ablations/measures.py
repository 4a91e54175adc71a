"""What is compared of two values of an ablation: each measure as an advantage with its error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.ablated import ScoredAblation, ScoredValue
from pipeline.config.ablations import Measure
from pipeline.statistics.repeated_trainings import Estimate, mean_over_repeats, repeated_mean

ROUNDING = 1 / 6
"""Variance of the difference of two whole numbers that chance has rounded."""


@dataclass(frozen=True)
class Advantage:
    """By how much a value is better than another; positive means better."""

    estimate: Estimate
    relative: bool = False
    """Whether it is the logarithm of a ratio: of seconds."""

    def margin(self, wanted: float) -> float:
        """Return a margin of params.yaml in the unit of the estimate."""
        return -float(np.log1p(-wanted)) if self.relative else wanted

    def shown(self, number: float) -> float:
        """Return a number in the unit of params.yaml: seconds as the share that is saved."""
        return 1 - float(np.exp(-number)) if self.relative else number


def advantage(
    ablation: ScoredAblation, first: ScoredValue, second: ScoredValue, measure: Measure
) -> Advantage | None:
    """Compare two values; None where it makes no sense, as for seconds until a divergence.

    A training that diverged counts as one that has learned nothing: it always predicts the most
    common class, its loss is that of equal probabilities, and it reaches no target. One that does
    not reach the target counts as reaching it one epoch after the longest training of the ablation,
    which makes differences too small rather than too large.
    """
    return _MEASURES[measure](ablation, first, second)


def accuracy_difference(first: ScoredValue, second: ScoredValue) -> Estimate:
    """Return the difference of test accuracies, paired by image and repeat if images are equal."""
    one, other = (each.right.astype(np.float64) for each in (first, second))
    if np.array_equal(first.ids, second.ids):
        return repeated_mean(one - other)
    return repeated_mean(one).less(repeated_mean(other))


def train_accuracy(value: ScoredValue) -> NDArray[np.float64]:
    """Return (repeats,) accuracies on training images, at the kept epoch."""
    found = value.kept["train accuracy"].to_numpy()
    return np.where(_diverged(value), value.common, found)


def validation_loss(value: ScoredValue) -> NDArray[np.float64]:
    """Return (repeats,) losses on validation images, at the kept epoch."""
    found = value.kept["validation loss"].to_numpy()
    return np.where(_diverged(value), np.log(len(value.about.classes)), found)


def epochs_to_target(ablation: ScoredAblation, value: ScoredValue) -> NDArray[np.float64]:
    """Return (repeats,) epochs to the ablation's target."""
    found = value.epochs_to(ablation.options.target or 1.0)
    return np.array([ablation.longest + 1 if each is None else each for each in found], float)


def _accuracy(_: ScoredAblation, first: ScoredValue, second: ScoredValue) -> Advantage:
    return Advantage(accuracy_difference(first, second))


def _train_accuracy(_: ScoredAblation, first: ScoredValue, second: ScoredValue) -> Advantage:
    return Advantage(mean_over_repeats(train_accuracy(first) - train_accuracy(second)))


def _gap(_: ScoredAblation, first: ScoredValue, second: ScoredValue) -> Advantage:
    """Train less test accuracy; the error reflects repeats and test images."""
    one, other = (train_accuracy(each)[:, None] - each.right for each in (first, second))
    if np.array_equal(first.ids, second.ids):
        return Advantage(repeated_mean(other - one))
    return Advantage(repeated_mean(other).less(repeated_mean(one)))


def _validation_loss(_: ScoredAblation, first: ScoredValue, second: ScoredValue) -> Advantage:
    return Advantage(mean_over_repeats(validation_loss(second) - validation_loss(first)))


def _epochs(ablation: ScoredAblation, first: ScoredValue, second: ScoredValue) -> Advantage:
    one, other = (epochs_to_target(ablation, each) for each in (first, second))
    return Advantage(mean_over_repeats(other - one, ROUNDING))


def _seconds(_: ScoredAblation, first: ScoredValue, second: ScoredValue) -> Advantage | None:
    if first.diverged or second.diverged:
        return None
    one, other = (
        np.log([max(each.seconds, 1e-9) for each in value.trainings]) for value in (first, second)
    )
    return Advantage(mean_over_repeats(other - one), relative=True)


def _diverged(value: ScoredValue) -> NDArray[np.bool_]:
    return np.array([bool(each.diverged) for each in value.trainings])


_MEASURES: Mapping[
    Measure, Callable[[ScoredAblation, ScoredValue, ScoredValue], Advantage | None]
] = {
    "accuracy": _accuracy,
    "train_accuracy": _train_accuracy,
    "generalization_gap": _gap,
    "validation_loss": _validation_loss,
    "epochs_to_target": _epochs,
    "seconds": _seconds,
}
