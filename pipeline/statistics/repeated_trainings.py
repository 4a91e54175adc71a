"""Means over repeated trainings on the same test images, and their error.

If a training is repeated with other seeds, its result varies with the training and with the test
images, and each adds to the error of a mean: many images do not make up for few trainings, nor the
other way around. Both are taken as random samples. For the difference of two settings this is the
method of Obuchowski and Rockette (Communications in Statistics - Simulation and Computation 24,
1995, 285-308), which radiology uses for several readers of the same cases, with the degrees of
freedom of Hillis (Statistics in Medicine 26, 2007, 596-619, section 3). Repeats are paired: both
settings are trained with the same seed and the same training images.

Numbers that one training has as a whole, such as its seconds, have Student's t over repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.statistics.proportions import Interval

OF_BOTH = "t-test over repeats and test images (Obuchowski and Rockette 1995, Hillis 2007)"
OF_IMAGES = "t-test over test images; one training each"
OF_REPEATS = "paired t-test over repeats"


@dataclass(frozen=True)
class Estimate:
    """A mean, such as that of a difference, with its standard error."""

    value: float
    error: float
    """NaN where it is unknown, as for a single number."""
    degrees: float
    """Of freedom, of Student's t."""
    method: str
    """The test that it comes from."""

    def p_value(self, expected: float = 0.0) -> float:
        """Return the two-sided p-value of the mean being `expected`; 1 where the error is unknown.

        Without any error, as where two settings predict the same, it is 1 or 0.
        """
        from scipy.stats import t

        away = abs(self.value - expected)
        if np.isnan(self.error) or away <= 1e-12:
            return 1.0
        return float(2 * t.sf(away / self.error, self.degrees)) if self.error else 0.0

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the interval of the mean; NaN where the error is unknown."""
        from scipy.stats import t

        half = float(t.ppf(0.5 + confidence / 2, self.degrees)) * self.error if self.error else 0.0
        return Interval(self.value - half, self.value + half)

    def less(self, other: Estimate) -> Estimate:
        """Return the difference from a mean of other images, by Welch's test.

        Where the two share images or seeds, that is conservative.
        """
        error = sqrt(self.error**2 + other.error**2)
        parts = self.error**4 / self.degrees + other.error**4 / other.degrees
        degrees = error**4 / parts if parts else inf
        return Estimate(self.value - other.value, error, degrees, f"Welch's {self.method}")


def repeated_mean(values: NDArray[np.number | np.bool_]) -> Estimate:
    """Return the mean of (repeats, images) values, such as 1 where an image is classified right.

    For a difference of two settings, the values are differences by repeat and image. With one
    repeat, the error reflects the images alone.

    Raises:
        StudyError: without a repeat, or with fewer than two images.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or found.shape[0] < 1 or found.shape[1] < 2:
        raise StudyError(
            f"found results of shape {found.shape}; expected (repeats, test images), at least one "
            "repeat of two images"
        )
    repeats, images = found.shape
    mean = float(found.mean())
    by_repeat, by_image = found.mean(axis=1), found.mean(axis=0)
    of_images = repeats * _variance(by_image)
    if repeats == 1:
        return Estimate(mean, sqrt(of_images / images), images - 1, OF_IMAGES)
    rest = found - by_repeat[:, None] - by_image[None, :] + mean
    residual = float((rest**2).sum()) / ((repeats - 1) * (images - 1))
    of_repeats = images * _variance(by_repeat)
    total = of_repeats + max(of_images - residual, 0.0)
    degrees = (repeats - 1) * (total / of_repeats) ** 2 if of_repeats else inf
    error = sqrt(total / (repeats * images))
    return Estimate(mean, error, min(degrees, repeats * images - 1), OF_BOTH)


def mean_over_repeats(values: NDArray[np.floating], least_variance: float = 0.0) -> Estimate:
    """Return the mean of (repeats,) numbers, of one training each; or of their paired differences.

    Args:
        values: finite.
        least_variance: of a single number, where a smaller one is chance: whole numbers, such as
            epochs, are rounded.
    """
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return Estimate(float(found.mean()), nan, 1, OF_REPEATS)
    variance = max(_variance(found), least_variance)
    return Estimate(float(found.mean()), sqrt(variance / len(found)), len(found) - 1, OF_REPEATS)


def _variance(values: NDArray[np.float64]) -> float:
    variance = float(values.var(ddof=1))
    return variance if variance > 1e-24 else 0.0  # rounding leaves 1e-34 where all are equal
