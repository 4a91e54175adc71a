"""Accuracy against coverage: what a run reaches if it answers only when it is sure.

El-Yaniv and Wiener (JMLR 11, 2010, 1605-1641); Geifman and El-Yaniv (NeurIPS 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CoverageCurve:
    """The images on which a run is surest, from few to all. Arrays are (k,), one per threshold."""

    threshold: NDArray[np.float64]
    """The run answers where its confidence is at least this large; falling."""
    answered: NDArray[np.int64]
    """Images that it answers."""
    right: NDArray[np.int64]
    """Those of them that it classifies correctly."""
    n: int

    @property
    def coverage(self) -> NDArray[np.float64]:
        """The share of the images that is answered."""
        return self.answered / self.n

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """The share of the answers that is right."""
        return self.right / self.answered

    @property
    def area(self) -> float:
        """The area under the risk-coverage curve: the mean error over all coverages.

        Geifman, Uziel and El-Yaniv (ICLR 2019, section 2): the mean over the 1, 2, ..., n surest
        images of the share of errors among them. Images of equal confidence are taken in random
        order, on average.
        """
        wrong = self.answered - self.right
        at = np.arange(1, self.n + 1)
        errors = np.interp(at, np.append(0, self.answered), np.append(0, wrong))
        return float(np.mean(errors / at))

    def threshold_for(self, accuracy: float) -> float:
        """Return the lowest threshold at which the answers are this accurate; infinity if none."""
        reached = np.flatnonzero(self.accuracy >= accuracy - 1e-12)
        return float(self.threshold[reached[-1]]) if len(reached) else inf


def coverage_curve(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> CoverageCurve:
    """Sort (n,) images by confidence; `correct` says which are classified correctly."""
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return CoverageCurve(
        threshold=ranked[last],
        answered=last + 1,
        right=np.cumsum(correct[order])[last],
        n=len(order),
    )
