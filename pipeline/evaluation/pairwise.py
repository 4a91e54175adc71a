"""Every pair of runs on the same test images: how far apart, and which differences hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from pipeline.evaluation.accuracy import Interval
from pipeline.evaluation.bootstrap import RESAMPLES, resampled_means
from pipeline.evaluation.comparison import compare
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.evaluation.significance import McNemar
from pipeline.results import PAIRWISE_COLUMNS

ALPHA = 0.05
"""Chance, at most, that any difference of a study is said to hold though there is none."""


@dataclass(frozen=True)
class PairedRuns:
    """Two runs on the same images; differences are the first less the second."""

    first: ScoredRun
    second: ScoredRun
    difference: float
    """Of their test accuracies, each the mean over its seeds."""
    interval: Interval
    """Of `difference`, 95 %: how far it would move with other test images. Nothing in it tells of
    training again; `training_std` does."""
    counts: McNemar
    """Of their first seeds, image by image."""
    p_holm: float
    """Of `counts`, adjusted for the number of pairs."""

    @property
    def training_std(self) -> float:
        """Standard error of `difference` from training again: of the means over seeds.

        The root of the sum of both runs' squared standard errors (spread over seeds by the root of
        their number). A run with one seed adds nothing, because nothing is known, so that with one
        such run it is a lower bound. Not a number where both have one seed. It tells nothing of
        other test images.
        """
        errors = [run.test_seed_std / np.sqrt(len(run.cards)) for run in (self.first, self.second)]
        known = np.square([error for error in errors if not np.isnan(error)])
        return float(np.sqrt(known.sum())) if len(known) else float("nan")

    def holds(self, independent: bool) -> bool:
        """Whether test images tell the two apart, in spite of how many pairs are looked at.

        Args:
            independent: whether test images were drawn independently; where not, neither the
                interval nor the test means what it says, and no difference holds.
        """
        return independent and self.p_holm < ALPHA and 0 not in self.interval


def pair_runs(
    runs: Sequence[ScoredRun],
    labels: NDArray[np.integer],
    seed: int,
    resamples: int = RESAMPLES,
) -> list[PairedRuns]:
    """Compare each run with all that come after it.

    Each interval is a percentile interval of the paired bootstrap, of one difference by itself.
    Each p-value is that of the exact McNemar test of the first seeds, adjusted by Holm's step-down
    method (Scandinavian Journal of Statistics 6, 1979, 65-70), which keeps its promise however
    the tests depend on each other.

    Args:
        runs: the first of a pair is the one that stands before the other.
        labels: (n,) of the test split.
        seed: of the resamples.
        resamples: how many.
    """
    pairs = list(combinations(range(len(runs)), 2))
    if not pairs:
        return []
    right = np.stack([share_right(run, labels) for run in runs], axis=1)
    resampled = resampled_means(right, seed, resamples)
    counts = [compare(runs[i], runs[j], labels) for i, j in pairs]
    adjusted = multipletests([each.p_value for each in counts], method="holm")[1]
    return [
        PairedRuns(
            first=runs[i],
            second=runs[j],
            difference=runs[i].accuracy("test").value - runs[j].accuracy("test").value,
            interval=resampled.difference_interval(i, j),
            counts=each,
            p_holm=float(p_holm),
        )
        for (i, j), each, p_holm in zip(pairs, counts, adjusted, strict=True)
    ]


def share_right(run: ScoredRun, labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return (n,): the share of a run's seeds that classify each test image rightly."""
    return np.mean([each["test"] == labels for each in run.predicted], axis=0)


def pairwise_table(
    runs: Sequence[ScoredRun], answers: Answers, independent: bool, seed: int
) -> pd.DataFrame:
    """One row a pair, columns `PAIRWISE_COLUMNS`, of runs sorted by validation accuracy."""
    rows = [
        {
            "run_a": pair.first.name,
            "run_b": pair.second.name,
            "family_a": pair.first.family,
            "family_b": pair.second.family,
            "difference": pair.difference,
            "ci_low": pair.interval.low,
            "ci_high": pair.interval.high,
            "seed_std": pair.training_std,
            "only_a_right": pair.counts.only_first,
            "only_b_right": pair.counts.only_second,
            "p_value": pair.counts.p_value,
            "p_holm": pair.p_holm,
            "holds": pair.holds(independent),
        }
        for pair in pair_runs(runs, np.asarray(answers.labels["test"]), seed)
    ]
    return pd.DataFrame(rows, columns=list(PAIRWISE_COLUMNS))
