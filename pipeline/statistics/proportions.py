"""Proportions, such as accuracy, and the interval that the size of the test set leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval, in the unit of the number that it belongs to."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Proportion:
    """`successes` out of `n` independent trials: here, images classified correctly.

    `successes` may be a fraction: the mean of several seeds on the same `n` images. Its interval
    then still reflects test-set sampling alone; the spread between seeds is another uncertainty,
    and is not part of it.
    """

    successes: float
    n: int
    effective_n: float | None = None
    """Independent images that would leave as wide an interval; None for `n`. It is smaller after a
    cross-validation (`pipeline.statistics.cross_validation`)."""

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.successes <= self.n:
            raise StudyError(
                f"found {self.successes:g} of {self.n} images to be right; expected at least one "
                "image, and no more right than there are"
            )

    @property
    def value(self) -> float:
        """The share, in [0, 1]."""
        return self.successes / self.n

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return Wilson's score interval (J. Am. Stat. Assoc. 22, 1927, 209-212).

        It stays inside [0, 1] and keeps its coverage near both ends, where the normal approximation
        (Wald) does not: with every image right it still has a width.
        """
        from statsmodels.stats.proportion import proportion_confint

        n = self.n if self.effective_n is None else self.effective_n
        count = self.successes if self.effective_n is None else self.value * n
        low, high = proportion_confint(count, n, 1 - confidence, method="wilson")
        # At the ends rounding may leave the value outside by one unit in the last place.
        return Interval(min(float(low), self.value), max(float(high), self.value))


def mean_of(proportions: Sequence[Proportion]) -> float:
    """Return the mean of proportions of different images, such as the recalls of classes."""
    return float(np.mean([each.value for each in proportions]))


def mean_interval(proportions: Sequence[Proportion], confidence: float = 0.95) -> Interval:
    """Return the interval of the mean of proportions of different, independent images.

    The distances of Wilson's limits from their proportions are joined by squaring and adding (Zou,
    Huang and Zhang, Computational Statistics & Data Analysis 53, 2009, 1080-1085). Unlike a
    bootstrap, it keeps a width where every image is right.
    """
    limits = [each.interval(confidence) for each in proportions]
    mean, n = mean_of(proportions), len(proportions)
    below = sqrt(sum((p.value - i.low) ** 2 for p, i in zip(proportions, limits, strict=True)))
    above = sqrt(sum((i.high - p.value) ** 2 for p, i in zip(proportions, limits, strict=True)))
    return Interval(mean - below / n, mean + above / n)


def predicted_classes(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the (n,) classes of the largest of (n, classes) scores; of equal ones, the lowest."""
    return scores.argmax(axis=1).astype(np.int64)


def accuracy(predicted: NDArray[np.integer], labels: NDArray[np.integer]) -> Proportion:
    """Count where (n,) predicted classes equal (n,) labels."""
    return Proportion(int(np.count_nonzero(predicted == labels)), len(labels))


def top_accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer], k: int) -> Proportion:
    """Count where the label is among the k classes of the largest scores.

    Of equal scores the lower class comes first, as in `predicted_classes`, so that k = 1 counts the
    same images as `accuracy`.

    Args:
        scores: (n, classes), the larger the likelier.
        labels: (n,).
        k: places; with as many classes or fewer every image counts.
    """
    of_label = scores[np.arange(len(labels)), labels][:, None]
    lower = np.arange(scores.shape[1]) < np.asarray(labels)[:, None]
    ahead = (scores > of_label) | ((scores == of_label) & lower)
    return Proportion(int(np.count_nonzero(ahead.sum(axis=1) < k)), len(labels))


def spread(proportions: list[Proportion]) -> float:
    """Return the sample standard deviation of the values over seeds; NaN with one seed."""
    values = [proportion.value for proportion in proportions]
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def mean_proportion(proportions: list[Proportion]) -> Proportion:
    """Return the mean over seeds, on the images of one seed: no seed adds an image."""
    if len({proportion.n for proportion in proportions}) != 1:
        sizes = sorted({proportion.n for proportion in proportions})
        raise StudyError(f"found seeds with {sizes} images; expected the same images for each seed")
    mean = float(np.mean([proportion.successes for proportion in proportions]))
    effective = [each.effective_n for each in proportions if each.effective_n is not None]
    return Proportion(mean, proportions[0].n, float(np.mean(effective)) if effective else None)
