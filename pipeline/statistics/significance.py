"""Do two runs differ, given that they saw the same images?

Two accuracies on the same images are not independent: hard images are hard for both. Their two
separate intervals may overlap although one run is certainly better. What decides is the images that
exactly one of them classifies correctly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.statistics.proportions import Interval, Proportion


@dataclass(frozen=True)
class McNemar:
    """Two runs on the same images, counted by which of them was right.

    The test is McNemar's (Psychometrika 12, 1947, 153-157), in its exact form: if the runs are
    equally good, `only_first` is binomial with probability 1/2 among the images where they differ.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        """Number of images."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first(self) -> Proportion:
        """Accuracy of the first run."""
        return Proportion(self.both + self.only_first, self.n)

    @property
    def second(self) -> Proportion:
        """Accuracy of the second run."""
        return Proportion(self.both + self.only_second, self.n)

    @property
    def difference(self) -> float:
        """Accuracy of the first run less that of the second, in [-1, 1]."""
        return (self.only_first - self.only_second) / self.n

    @property
    def p_value(self) -> float:
        """Two-sided and exact; 1 where the runs never differ."""
        from scipy.stats import binomtest

        differing = self.only_first + self.only_second
        return float(binomtest(self.only_first, differing).pvalue) if differing else 1.0

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the interval of `difference` (Newcombe, Stat. Med. 17, 1998, 2635, method 10).

        Wilson's limits of the two accuracies are joined by squaring and adding, with the
        correlation of the two runs between them. It keeps its coverage where a run is right nearly
        always, and stays in [-1, 1].
        """
        first, second = self.first.interval(confidence), self.second.interval(confidence)
        first_down, first_up = self.first.value - first.low, first.high - self.first.value
        second_down, second_up = self.second.value - second.low, second.high - self.second.value
        phi = self._correlation()
        below = first_down**2 - 2 * phi * first_down * second_up + second_up**2
        above = first_up**2 - 2 * phi * first_up * second_down + second_down**2
        # Both are squares of a distance; rounding may leave -1e-20 where phi is 1.
        return Interval(
            self.difference - sqrt(max(0.0, below)), self.difference + sqrt(max(0.0, above))
        )

    def _correlation(self) -> float:
        """Newcombe's phi: shrunk toward 0 by n/2 where positive; 0 where a margin is empty."""
        right, wrong = self.both + self.only_first, self.neither + self.only_second
        right_second, wrong_second = self.both + self.only_second, self.neither + self.only_first
        margins = right * wrong * right_second * wrong_second
        if margins == 0:
            return 0.0
        excess = float(self.both * self.neither - self.only_first * self.only_second)
        if excess > 0:
            excess = max(0.0, excess - self.n / 2)
        return excess / sqrt(margins)


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> McNemar:
    """Count two runs on the same images.

    Args:
        first_right: (n,) bool, whether the first run classified each image correctly.
        second_right: (n,) bool, the second, the images in the same order.

    Raises:
        StudyError: if the two are not of the same length, or empty.
    """
    if first_right.shape != second_right.shape or first_right.size == 0:
        raise StudyError(
            f"found {first_right.size} and {second_right.size} images; expected the same images, "
            "at least one, for both runs of a pair"
        )
    return McNemar(
        both=int(np.count_nonzero(first_right & second_right)),
        only_first=int(np.count_nonzero(first_right & ~second_right)),
        only_second=int(np.count_nonzero(~first_right & second_right)),
        neither=int(np.count_nonzero(~first_right & ~second_right)),
    )
