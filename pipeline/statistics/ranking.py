"""How well a score separates two classes: ROC and precision-recall curves, and their areas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.bootstrap import percentiles, resample_counts
from pipeline.statistics.proportions import Interval

RESAMPLES = 1_000
"""Of an interval of the average precision."""


@dataclass(frozen=True)
class Thresholds:
    """What each threshold finds: images whose score is at least as large count as positive.

    All arrays are (k,), from the largest score down; equal scores share a threshold.
    """

    threshold: NDArray[np.float64]
    found: NDArray[np.int64]
    """Positive images at or above it."""
    alarms: NDArray[np.int64]
    """Negative images at or above it."""
    n_positive: int
    n_negative: int

    @property
    def recall(self) -> NDArray[np.float64]:
        """The share of the positive images that is found."""
        return self.found / self.n_positive

    @property
    def false_alarm_rate(self) -> NDArray[np.float64]:
        """The share of the negative images that counts as positive."""
        return self.alarms / self.n_negative

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of the images that count as positive, the share that is."""
        return self.found / (self.found + self.alarms)

    @property
    def average_precision(self) -> float:
        """The mean precision, weighted by the recall that each threshold adds.

        As in scikit-learn; no interpolation between thresholds, which would be optimistic.
        """
        return float(np.diff(self.recall, prepend=0) @ self.precision)

    def cheapest(self, miss_cost: float) -> float:
        """Return the threshold of the lowest cost: misses times `miss_cost`, plus false alarms.

        Infinity where it is cheapest to count no image as positive; of equal costs, the highest.
        """
        costs = miss_cost * (self.n_positive - self.found) + self.alarms
        none = miss_cost * self.n_positive
        best = int(np.argmin(costs))
        return float(self.threshold[best]) if costs[best] < none else float("inf")

    def reaching(self, recall: float) -> float:
        """Return the highest threshold at which at least this share of positives is found."""
        return float(self.threshold[int(np.argmax(self.recall >= recall - 1e-12))])


def thresholds(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Thresholds:
    """Count what each threshold on (n,) scores finds, given which images are (n,) positive.

    Both classes have at least one image.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), positive[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    found = np.cumsum(hits)[last]
    return Thresholds(
        threshold=ranked[last],
        found=found,
        alarms=last + 1 - found,
        n_positive=int(positive.sum()),
        n_negative=int((~positive).sum()),
    )


@dataclass(frozen=True)
class AreaUnderCurve:
    """The area under the ROC curve, and its interval."""

    value: float
    """The chance that a positive image has a larger score than a negative one; ties count half."""
    standard_error: float
    """DeLong's."""
    interval: Interval


def area_under_curve(
    scores: NDArray[np.floating], positive: NDArray[np.bool_], confidence: float = 0.95
) -> AreaUnderCurve:
    """Measure the area under the ROC curve of (n,) scores.

    Its variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988, 837-845), from
    the share of the other class that each image is ranked above, by the ranks of Sun and Xu (IEEE
    Signal Processing Letters 21, 2014, 1389-1393). The interval is symmetric on the logit scale
    (Pepe, The Statistical Evaluation of Medical Tests, 2003, section 5.2), so that it stays within
    [0, 1]. Where the classes are separated perfectly, DeLong's variance is 0; then the other limit
    is that of Clopper and Pearson for as many successes as the smaller class has images.
    """
    from scipy.stats import norm, rankdata

    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    of_positive = (ranks[positive] - rankdata(scores[positive])) / n
    of_negative = 1 - (ranks[~positive] - rankdata(scores[~positive])) / m
    value = float(of_positive.mean())
    variance = sum(float(v.var(ddof=1)) / len(v) for v in (of_positive, of_negative) if len(v) > 1)
    error = sqrt(variance)
    alpha = (1 - confidence) / 2
    if value in (0.0, 1.0) or error == 0:
        bound = alpha ** (1 / min(m, n))
        interval = Interval(bound, 1.0) if value == 1 else Interval(0.0, 1 - bound)
        return AreaUnderCurve(value, error, interval if value in (0.0, 1.0) else Interval(0, 1))
    center, half = log(value / (1 - value)), norm.ppf(1 - alpha) * error / (value * (1 - value))
    low, high = (1 / (1 + exp(-(center + sign * half))) for sign in (-1, 1))
    return AreaUnderCurve(value, error, Interval(low, high))


def average_precision_intervals(
    several: Sequence[NDArray[np.floating]],
    positive: NDArray[np.bool_],
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> list[Interval]:
    """Return percentile intervals of the average precisions of several scores of the same images.

    The bootstrap is stratified (each class keeps its number of images) and takes the same resamples
    for all. Boyd, Eng and Page (ECML 2013) find that it covers well from some ten positives on.

    Args:
        several: (n,) scores of each run.
        positive: (n,).
        seed: of the resamples.
        resamples: how many.
        confidence: of each interval.
    """
    n = len(positive)
    values: list[list[NDArray[np.float64]]] = [[] for _ in several]
    ordered = [_ordered(scores, positive) for scores in several]
    members = np.flatnonzero(positive), np.flatnonzero(~positive)
    size = max(1, min(resamples, 2_000_000 // n))
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        counts = np.empty((rows, n))
        for index, of_class in enumerate(members):
            block = resample_counts(len(of_class), (2 * seed + index) * resamples + start, rows)
            counts[:, of_class] = np.concatenate(list(block))
        for found, (order, last, hits) in zip(values, ordered, strict=True):
            drawn = counts[:, order]
            above = np.cumsum(drawn, axis=1)[:, last]
            right = np.cumsum(drawn * hits, axis=1)[:, last]
            precision = np.divide(right, above, out=np.zeros_like(right), where=above > 0)
            gained = np.diff(right, axis=1, prepend=0)
            found.append((gained * precision).sum(axis=1) / len(members[0]))
    return [Interval(*percentiles(np.concatenate(found), confidence)) for found in values]


def _ordered(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return the order of falling scores, the last place of each score, and what is positive."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return order, last, positive[order]
