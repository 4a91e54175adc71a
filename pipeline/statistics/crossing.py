"""From how many training images on one method is ahead of another.

The difference of two learning curves is interpolated between sizes, linearly in the logarithm of
the number of images. The crossing is the size from which on it stays above 0: its last change of
sign, if it ends above 0. Each replicate of the curves has its own crossing, and the interval is
that of the replicates' percentiles. Replicates without a crossing count: as below all sizes where
the difference is above 0 throughout, and as above all where it ends below. An interval may thus
have an open end, which says that the data do not bound the crossing on that side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.proportions import Interval


@dataclass(frozen=True)
class Crossing:
    """The crossing of two curves; numbers of images, 0 for below all sizes, inf for above all."""

    images: float
    interval: Interval
    """95%."""
    never: float
    """Share of the replicates in which the second curve ends ahead."""
    always: float
    """Share of the replicates in which the first curve is ahead at all sizes."""
    several: float
    """Share of the replicates in which the curves cross more than once."""


def find_crossing(
    sizes: Sequence[int],
    differences: NDArray[np.float64],
    replicates: NDArray[np.float64],
    confidence: float = 0.95,
) -> Crossing:
    """Find where the first of two curves gets ahead for good.

    Args:
        sizes: (s,) ascending numbers of training images, at least two.
        differences: (s,) accuracy of the first less that of the second.
        replicates: (resamples, s) of the same, such as `draws.ResampledDraws.replicates`.
        confidence: of the interval.
    """
    logs = np.log(np.asarray(sizes, dtype=np.float64))
    found = crossings(logs, replicates)
    # A value of the sample, because no number lies between a finite and an infinite one.
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(found, ends, method="inverted_cdf")
    above = replicates > 0
    changes = (above[:, 1:] != above[:, :-1]).sum(axis=1)
    return Crossing(
        images=_images(float(crossings(logs, differences[None])[0])),
        interval=Interval(_images(float(low)), _images(float(high))),
        never=float(np.mean(np.isposinf(found))),
        always=float(np.mean(np.isneginf(found))),
        several=float(np.mean(changes > 1)),
    )


def crossings(x: NDArray[np.float64], differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each of some piecewise linear curves gets above 0 for good.

    Args:
        x: (s,) ascending.
        differences: (curves, s).

    Returns:
        (curves,): -inf for a curve that is above 0 throughout, inf for one that does not end there.
    """
    above = differences > 0
    count = above.shape[1]
    # The last position that is not above 0; -1 if there is none.
    last = count - 1 - (~above)[:, ::-1].argmax(axis=1)
    last = np.where(above.all(axis=1), -1, last)
    inside = (last >= 0) & (last < count - 1)
    left = np.clip(last, 0, count - 2)
    rows = np.arange(len(differences))
    before, after = differences[rows, left], differences[rows, left + 1]
    rise = np.where(inside, after - before, 1.0)
    found = x[left] - before / rise * (x[left + 1] - x[left])
    return np.where(inside, found, np.where(last < 0, -np.inf, np.inf))


def _images(log: float) -> float:
    return 0.0 if log == -math.inf else math.exp(log)
