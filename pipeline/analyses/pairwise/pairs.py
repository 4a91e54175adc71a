"""Every pair of runs on the same test images: how far apart they are, and whether significantly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipeline.analyses.families import compare, compare_over_folds
from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.statistics.bootstrap import RESAMPLES, resampled_means
from pipeline.statistics.cross_validation import wider
from pipeline.statistics.multiple_comparisons import holm
from pipeline.statistics.proportions import Interval
from pipeline.statistics.significance import McNemar

ALPHA = 0.05
"""Family-wise error rate: the chance that any pair of a study is called significantly different
although no pair differs."""


@dataclass(frozen=True)
class PairedRuns:
    """Two runs on the same images; differences are the first less the second."""

    first: ScoredRun
    second: ScoredRun
    difference: float
    """Of their test accuracies, each the mean over its seeds."""
    interval: Interval
    """Of `difference`, 95%. It reflects test-set sampling alone; `training_std` reflects training
    again."""
    counts: McNemar
    """Of their first seeds, test image by test image."""
    p_value: float
    """Of `counts`; with folds, at least that of the corrected test (`FoldMean`)."""
    p_holm: float
    """The same, adjusted for the number of pairs."""

    @property
    def training_std(self) -> float:
        """Standard error of `difference` from retraining: of the means over seeds.

        The root of the sum of both runs' squared standard errors (spread over seeds, divided by
        the root of their number). A run with one seed adds nothing, because nothing is known, so
        that with one such run this is a lower bound. NaN where both have one seed. It does not
        reflect test-set sampling.
        """
        errors = [run.test_seed_std / np.sqrt(len(run.cards)) for run in (self.first, self.second)]
        known = np.square([error for error in errors if not np.isnan(error)])
        return float(np.sqrt(known.sum())) if len(known) else float("nan")

    def significant(self, independent: bool) -> bool:
        """Whether the two differ significantly, however many pairs are compared.

        Args:
            independent: whether test images were drawn independently; where not, neither the
                interval nor the test means what it says, and no difference is significant.
        """
        return independent and self.p_holm < ALPHA and 0 not in self.interval


def pair_runs(
    runs: Sequence[ScoredRun],
    labels: Labels,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[PairedRuns]:
    """Compare each run with all that come after it.

    Each interval is a percentile interval of the paired bootstrap, of one difference by itself.
    Each p-value is that of the exact McNemar test of the first seeds, adjusted for the number of
    pairs (`holm`). With folds, intervals also contain those of the corrected resampled t-test, and
    p-values are at least its own (`pipeline.statistics.cross_validation`).

    Args:
        runs: the first of a pair is the one that stands before the other.
        labels: of this study.
        seed: of the resamples.
        resamples: how many.
    """
    pairs = list(combinations(range(len(runs)), 2))
    if not pairs:
        return []
    right = np.stack([run.share_right(labels) for run in runs], axis=1)
    resampled = resampled_means(right, seed, resamples)
    counts = [compare(runs[i], runs[j], labels.test) for i, j in pairs]
    p_values = [each.p_value for each in counts]
    intervals = [resampled.difference_interval(i, j) for i, j in pairs]
    if labels.folds is not None:
        corrected = [compare_over_folds(right[:, i], right[:, j], labels.folds) for i, j in pairs]
        p_values = [max(p, each.p_value) for p, each in zip(p_values, corrected, strict=True)]
        intervals = [
            wider(interval, each.interval())
            for interval, each in zip(intervals, corrected, strict=True)
        ]
    adjusted = holm(p_values)
    return [
        PairedRuns(
            first=runs[i],
            second=runs[j],
            difference=runs[i].accuracy("test").value - runs[j].accuracy("test").value,
            interval=interval,
            counts=each,
            p_value=p_value,
            p_holm=float(p_holm),
        )
        for (i, j), each, interval, p_value, p_holm in zip(
            pairs, counts, intervals, p_values, adjusted, strict=True
        )
    ]
