"""Made-up trainings whose true accuracies are known, with the noise of draws and of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm


def right(
    rng: np.random.Generator,
    truth: Sequence[Sequence[float]],
    draws: int,
    n: int,
    of_images: float = 0.4,
    of_draws: float = 0.02,
) -> NDArray[np.bool_]:
    """Say where trainings are right: (runs, sizes, draws, n).

    An image is right if a normal number of variance 1 is below a threshold, so that the mean over
    all images and draws is exactly the truth. Parts of its variance belong to the image, half of
    that for all runs, and to the draw, which a run shares with itself at other sizes to a half.

    Args:
        rng: of all numbers.
        truth: run -> accuracy at each size.
        draws: of training images.
        n: test images.
        of_images: share of the variance of images.
        of_draws: share of the variance of draws.
    """
    shape = (len(truth), len(truth[0]), draws, n)
    runs, sizes = shape[:2]
    images = rng.standard_normal((1, 1, 1, n)) + rng.standard_normal((runs, 1, 1, n))
    own = rng.standard_normal((runs, sizes, draws, 1)) + rng.standard_normal((runs, 1, draws, 1))
    rest = rng.standard_normal(shape, dtype=np.float32)
    total = np.sqrt(of_images / 2) * images + np.sqrt(of_draws / 2) * own
    total = total + np.sqrt(1 - of_images - of_draws) * rest
    return total < norm.ppf(np.array(truth))[:, :, None, None]
