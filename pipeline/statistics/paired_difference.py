"""The difference of two runs on the same images, and whether one is not much worse.

Not to find a difference shows nothing: with few images none is ever found. To show that a run is
no more than a margin below another, the null hypothesis is turned around (non-inferiority; Wellek,
Testing Statistical Hypotheses of Equivalence and Noninferiority, 2010, chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.proportions import Interval
from pipeline.statistics.significance import McNemar


def score_statistic(counts: McNemar, difference: float) -> float:
    """Return Tango's score statistic of the hypothesis that the accuracies differ by `difference`.

    Tango (Statistics in Medicine 17, 1998, 891-908, equations 9 to 11): the observed difference
    less the assumed one, over its standard error under the hypothesis. For a difference of 0 it is
    McNemar's statistic, without correction. Unlike Wald's it keeps its level where the runs hardly
    ever differ.

    Args:
        counts: of the two runs; differences are the first less the second.
        difference: in (-1, 1).
    """
    n, first, second = counts.n, counts.only_first, counts.only_second
    b = (2 * n - first + second) * difference - first - second
    c = -second * difference * (1 - difference)
    only_second = (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * only_second + difference * (1 - difference))
    excess = first - second - n * difference
    if variance <= 0:
        return copysign(inf, excess) if excess else 0.0
    return excess / sqrt(variance)


def score_interval(counts: McNemar, confidence: float = 0.95) -> Interval:
    """Return the differences that `score_statistic` does not reject (Tango 1998)."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z, observed = float(norm.ppf((1 + confidence) / 2)), counts.difference
    edge = 1 - 1e-12

    def end(sign: int) -> float:
        def excess(difference: float) -> float:
            return score_statistic(counts, difference) + sign * z

        outer = sign * edge
        if excess(observed) * excess(outer) >= 0:
            return float(sign)
        low, high = sorted((observed, outer))
        return float(brentq(excess, low, high, xtol=1e-12))

    return Interval(end(-1), end(1))


def non_inferiority_p_value(counts: McNemar, margin: float) -> float:
    """Return the one-sided p-value of the first run being below the second by `margin` or more.

    If it is small, the first run is shown to be less than the margin worse.
    """
    from scipy.stats import norm

    return float(norm.sf(score_statistic(counts, -margin)))


@dataclass(frozen=True)
class BalancedDifference:
    """The difference of two balanced accuracies on the same images, the first less the second.

    In each class, half an image is added to each cell of the paired table (Agresti and Min,
    Statistics in Medicine 24, 2005, 729-740), so that a class in which the runs never differ has a
    standard error as well; the variances of the classes' differences add up.
    """

    difference: float
    """As observed."""
    shrunk: float
    """With the added images; tests are of this one."""
    standard_error: float

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference."""
        from scipy.stats import norm

        return float(2 * norm.sf(abs(self.shrunk) / self.standard_error))

    def non_inferiority_p_value(self, margin: float) -> float:
        """One-sided, of the first run being below the second by `margin` or more."""
        from scipy.stats import norm

        return float(norm.sf((self.shrunk + margin) / self.standard_error))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the interval of the difference, extended to the observed one if need be."""
        from scipy.stats import norm

        half = float(norm.ppf((1 + confidence) / 2)) * self.standard_error
        low, high = self.shrunk - half, self.shrunk + half
        return Interval(min(low, self.difference), max(high, self.difference))


def balanced_difference(
    first_right: NDArray[np.bool_], second_right: NDArray[np.bool_], labels: NDArray[np.integer]
) -> BalancedDifference:
    """Compare two runs class by class.

    Args:
        first_right: (n,) whether the first run classified each image correctly.
        second_right: (n,) the second.
        labels: (n,) the classes; each that occurs counts the same.
    """
    observed, shrunk, variances = [], [], []
    for label in np.unique(labels):
        here = labels == label
        one, other = first_right[here], second_right[here]
        only_first = int((one & ~other).sum())
        only_second = int((~one & other).sum())
        n = len(one) + 2
        p, q = (only_first + 0.5) / n, (only_second + 0.5) / n
        observed.append((only_first - only_second) / len(one))
        shrunk.append(p - q)
        variances.append((p + q - (p - q) ** 2) / n)
    return BalancedDifference(
        difference=float(np.mean(observed)),
        shrunk=float(np.mean(shrunk)),
        standard_error=sqrt(sum(variances)) / len(variances),
    )
