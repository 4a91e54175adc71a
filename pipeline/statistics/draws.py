"""Uncertainty of means over draws of the training images and over test images, at once.

Values are measured for each of D draws (trainings on images that were drawn anew) and each of n
test images, and both are samples: other draws, and other test images, would give another mean. The
model is that of two crossed factors: value = mean + draw + image + rest. `resampled_draws` imitates
both. Images are resampled with replacement, the same for all columns. Draws are few, and resampling
five of them with replacement gives intervals that are far too short: its variance is (D - 1) / D
of the right one, and its tails are those of a normal distribution. So a draw's deviation from the
mean over draws is multiplied by a random number instead of being drawn (a multiplier bootstrap; Wu
1986, "Jackknife, Bootstrap and Other Resampling Methods in Regression Analysis", section 6), with a
common factor that makes the sum follow Student's t with D - 1 degrees of freedom, as the mean of D
normal numbers does. What images and draws share, the rest, would count in both parts. It is taken
out of the images' part by the mean squares of a two-way analysis of variance (Owen 2007, "The
Pigeonhole Bootstrap", shows that resampling both factors counts it up to three times).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.statistics.bootstrap import percentiles, resample_counts
from pipeline.statistics.proportions import Interval

RESAMPLES = 4_000
"""Enough for the ends of 95% intervals; each resample of 10,000 images takes 0.1 ms."""


@dataclass(frozen=True)
class ResampledDraws:
    """Means of several columns, and what they might have been."""

    means: NDArray[np.float64]
    """(columns,)."""
    replicates: NDArray[np.float64]
    """(resamples, columns): means over other draws and images, the same ones for all columns."""

    def interval(self, column: int, confidence: float = 0.95) -> Interval:
        """Return the percentile interval of the mean of a column."""
        return Interval(*percentiles(self.replicates[:, column], confidence))


def resampled_draws(
    values: NDArray[np.generic], seed: int, resamples: int = RESAMPLES
) -> ResampledDraws:
    """Resample draws and images.

    Args:
        values: (columns, draws, n): whether a training is right about an image, or the difference
            of two; a column per size of the training set, or per run and size. A draw has the same
            position in all columns, and so has an image.
        seed: equal seeds give the same resamples for the same numbers of draws and images.
        resamples: how many.

    Raises:
        StudyError: for fewer than two draws, of which nothing can be said about other draws.
    """
    found = np.asarray(values, dtype=np.float64)
    _, draws, n = found.shape
    if draws < 2:
        raise StudyError(f"found {draws} draw; expected at least two")
    by_image = found.mean(axis=1)
    means = by_image.mean(axis=1)
    deviations = found.mean(axis=2) - means[:, None]
    images = np.concatenate([each @ by_image.T for each in resample_counts(n, seed, resamples)])
    images = (images / n - means) * _share_of_images(found)
    rng = np.random.default_rng((seed, draws))
    numbers = rng.standard_normal((resamples, draws))
    numbers *= np.sqrt((draws - 1) / rng.chisquare(draws - 1, resamples))[:, None]
    trainings = numbers @ deviations.T / np.sqrt(draws * (draws - 1))
    return ResampledDraws(means, means + images + trainings)


def _share_of_images(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (columns,) factors that take the rest out of the spread of the images' means."""
    _, draws, n = values.shape
    by_image = values.mean(axis=1)
    rest = (
        values
        - by_image[:, None, :]
        - values.mean(axis=2)[:, :, None]
        + values.mean(axis=(1, 2))[:, None, None]
    )
    of_rest = (rest**2).sum(axis=(1, 2)) / max(1, (draws - 1) * (n - 1)) / draws
    of_means = by_image.var(axis=1, ddof=1) if n > 1 else np.zeros(len(values))
    share = np.divide(of_rest, of_means, out=np.zeros_like(of_means), where=of_means > 0)
    factors: NDArray[np.float64] = np.sqrt(np.clip(1 - share, 0, 1))
    return factors
