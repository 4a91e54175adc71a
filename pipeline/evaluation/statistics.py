"""Statistics over all runs at once, as tables, and the constants that they were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.evaluation.agreement import agreement_table
from pipeline.evaluation.bootstrap import RESAMPLES
from pipeline.evaluation.calibration import calibrate, calibration_table, reliability_table
from pipeline.evaluation.combinations import combinations_table
from pipeline.evaluation.pairwise import ALPHA, pairwise_table
from pipeline.evaluation.reliability import BINS, ERROR_RESAMPLES
from pipeline.evaluation.runs import Answers, ScoredRun


def statistics_tables(
    runs: Sequence[ScoredRun],
    best: Mapping[str, ScoredRun],
    answers: Answers,
    independent: bool,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Make ``pairwise``, ``agreement``, ``calibration``, ``reliability`` and ``combinations``.

    Args:
        runs: sorted by validation accuracy.
        best: family -> the run that stands for it.
        answers: labels of all splits.
        independent: whether test images were drawn independently.
        seed: of all resamples.
    """
    calibrations = calibrate(runs, answers, seed)
    return {
        "pairwise": pairwise_table(runs, answers, independent, seed),
        "agreement": agreement_table(runs, answers),
        "calibration": calibration_table(calibrations),
        "reliability": reliability_table(calibrations),
        "combinations": combinations_table(best, answers),
    }


def statistics_record(n_runs: int, independent: bool, seed: int) -> dict[str, Any]:
    """Return how those tables were made, for people and for the report."""
    return {
        "pairs": n_runs * (n_runs - 1) // 2,
        "alpha": ALPHA,
        "correction": "Holm 1979, over all pairs",
        "test": "exact McNemar, two-sided, first seeds",
        "interval": "95 %, paired bootstrap, percentile",
        "interval_tells_of": "other test images",
        "seed_std": "standard error of the difference of means over seeds",
        "seed_std_tells_of": "training again",
        "resamples": RESAMPLES,
        "seed": seed,
        "independent_images": independent,
        "bins": BINS,
        "calibration_interval": "95 %, bootstrap, basic",
        "calibration_resamples": ERROR_RESAMPLES,
        "temperature": "one a run, by maximum likelihood on the validation split",
        "stack": "log-linear pool, one weight a run, by maximum likelihood on the validation split",
    }
