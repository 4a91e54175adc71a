"""The bootstrap over test images, with the same resamples for all runs.

Efron and Tibshirani (An Introduction to the Bootstrap, 1993, chapter 13): images are drawn with
replacement from the test split, as many as it has, and each statistic is computed again. A resample
takes an image for all runs at once, so that what makes images hard for all of them cancels out of
a difference. Runs are not trained again: the spread over trainings is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pipeline.checks import StudyError
from pipeline.statistics.proportions import Interval

RESAMPLES = 10_000
AT_ONCE = 1_000_000
"""Draws in memory at a time; they take some 25 MB."""


@dataclass(frozen=True)
class ResampledMeans:
    """Means of several quantities, in each of the same resamples."""

    means: NDArray[np.float64]
    """(resamples, quantities)."""

    def difference_interval(self, first: int, second: int, confidence: float = 0.95) -> Interval:
        """Return the percentile interval of one mean less another.

        It is the interval of a single difference, with no allowance for how many there are.
        """
        differences = self.means[:, first] - self.means[:, second]
        return Interval(*percentiles(differences, confidence))


def resampled_means(
    values: NDArray[np.floating] | csr_array, seed: int, resamples: int = RESAMPLES
) -> ResampledMeans:
    """Average each column of (n, quantities) values over resamples of the rows.

    Args:
        values: one row per image, one column per quantity: whether a run is right (0 or 1), the
            mean of that over its seeds, or a sparse array of what an image adds to each of many
            sums.
        seed: the same seed, n and number of resamples give the same resamples.
        resamples: how many.

    Raises:
        StudyError: if there is no image.
    """
    n = values.shape[0]
    if n == 0:
        raise StudyError("found no image to draw resamples from; run: dvc repro prepare")
    sums = [counts @ values for counts in resample_counts(n, seed, resamples)]
    return ResampledMeans(np.concatenate(sums) / n)


def resample_counts(n: int, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
    """Yield (some, n) blocks that tell how often each resample has each of n images."""
    generator = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // n)
    for done in range(0, resamples, rows):
        block = min(rows, resamples - done)
        drawn = generator.integers(0, n, (block, n))
        drawn += n * np.arange(block)[:, None]  # so that one count serves all rows
        counts = np.bincount(drawn.ravel(), minlength=block * n)
        yield counts.reshape(block, n).astype(np.float64)


def percentiles(values: NDArray[np.floating], confidence: float) -> tuple[float, float]:
    """Return the lower and upper percentile that hold the middle `confidence` of (n,) values."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
