"""Means over the images of a cross-validation, whose models have learned from the same images.

Each image is tested once, but the results of the folds are not independent: any two models share
most of their training images. Intervals and tests that take all images as independent ignore how
much a result depends on the training images, and are too optimistic. Bengio and Grandvalet (2004)
show that no unbiased estimate of the variance exists for one cross-validation.

Nadeau and Bengio ("Inference for the Generalization Error", Machine Learning 52, 2003, 239-281,
section 3, "corrected resampled t-test") multiply the variance over folds by (1/K + n_test/n_train)
in place of 1/K, and use Student's t with K - 1 degrees of freedom. They derived it for random
subsets; for folds it is in common use and rather conservative: of two equally good nearest-mean
classifiers on 100 to 1,000 images, it called 1 to 3% of differences significant at 5%, and
McNemar's test on the pooled images 4 to 8%. Nested cross-validation (Bates, Hastie and Tibshirani
2021) is closer, but needs hundreds of trainings.

With few folds the variance may be near 0 by chance, where counts of images are equal in all folds.
So whoever uses this also asks for what independent images would give, and takes the wider interval
and the larger p-value.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.statistics.proportions import Interval

METHOD = "corrected resampled t-test (Nadeau and Bengio 2003)"


@dataclass(frozen=True)
class FoldMean:
    """The mean of a value of each image, such as a difference of two runs, and its error."""

    mean: float
    error: float
    """Corrected standard error (module docstring)."""
    degrees: int
    """Of freedom: the number of folds less one."""

    @property
    def p_value(self) -> float:
        """Two-sided, of a mean of 0; 1 if the mean is 0, also where the error is."""
        from scipy.stats import t

        if self.mean == 0:
            return 1.0
        return float(2 * t.sf(abs(self.mean) / self.error, self.degrees)) if self.error else 0.0

    def one_sided_p_value(self, value: float) -> float:
        """Return the one-sided p-value of the mean being `value` or less."""
        from scipy.stats import t

        if not self.error:
            return 0.0 if self.mean > value else 1.0
        return float(t.sf((self.mean - value) / self.error, self.degrees))

    def interval(self, confidence: float = 0.95) -> Interval:
        """Return the interval of the mean."""
        half = self._quantile(confidence) * self.error
        return Interval(self.mean - half, self.mean + half)

    def effective_images(self, images: int) -> float:
        """Return how many independent images would leave as wide a 95% interval of a share.

        Args:
            images: of the cross-validation; the result is at most that.
        """
        from scipy.stats import norm

        if not self.error or not 0 < self.mean < 1:
            return float(images)
        wide = self._quantile(0.95) * self.error / float(norm.ppf(0.975))
        return min(float(images), self.mean * (1 - self.mean) / wide**2)

    def _quantile(self, confidence: float) -> float:
        from scipy.stats import t

        return float(t.ppf(0.5 + confidence / 2, self.degrees))


def fold_mean(values: NDArray[np.number | np.bool_], folds: NDArray[np.integer]) -> FoldMean:
    """Return the mean of a value over images, with its error over folds.

    Each model is tested on one fold and validated on another, so that it is trained on K - 2:
    n_test/n_train is 1 / (K - 2). Folds of unequal size have weights by their size.

    Args:
        values: (n,) of each image, by the model that is tested on it.
        folds: (n,) the fold of each image, from 0.

    Raises:
        StudyError: with fewer than three folds, or with an empty one.
    """
    sizes = np.bincount(folds)
    count = len(sizes)
    if count < 3 or not sizes.all() or len(values) != len(folds):
        raise StudyError(
            f"found {len(values)} values in folds of {sizes.tolist()} images; expected at least "
            "three folds, none of them empty"
        )
    means = np.bincount(folds, weights=values) / sizes
    mean = float(np.mean(values))
    variance = float(sizes / len(folds) @ (means - mean) ** 2) * count / (count - 1)
    # Rounding leaves 1e-34 where all folds are equal.
    variance = variance if variance > 1e-24 else 0.0
    return FoldMean(mean, sqrt(variance * (1 / count + 1 / (count - 2))), count - 1)


def wider(one: Interval, other: Interval) -> Interval:
    """Return the interval that contains both."""
    return Interval(min(one.low, other.low), max(one.high, other.high))
