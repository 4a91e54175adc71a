"""Calibration of every run, before and after temperature scaling on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.statistics.proportions import Interval
from pipeline.statistics.reliability import (
    Confidences,
    ReliabilityCurve,
    calibration_error_intervals,
    confidences,
    reliability_curve,
)
from pipeline.statistics.temperature import (
    brier_score,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
)

STAGES = ("before", "after")


@dataclass(frozen=True)
class Stage:
    """Probabilities of the test split at one temperature, scored against its labels."""

    found: Confidences
    negative_log_likelihood: float
    """Mean, in nats."""
    brier: float
    """Mean, in [0, 2]."""

    @property
    def curve(self) -> ReliabilityCurve:
        """Accuracy by confidence."""
        return reliability_curve(self.found)


@dataclass(frozen=True)
class Calibration:
    """One run, its first seed."""

    run: ScoredRun
    temperature: float
    """Fitted on validation; above 1 where the run was overconfident there."""
    stages: Mapping[str, Stage]
    """``before`` (temperature 1) and ``after``."""
    error_intervals: Mapping[str, Interval]
    """Of the expected calibration error of each stage, 95%; they reflect test-set sampling."""


def calibrate(runs: Sequence[ScoredRun], labels: Labels, seed: int) -> list[Calibration]:
    """Fit each run's temperature on validation, and score both stages against the test labels.

    Networks have not seen the labels of the validation split, except for the choice of an epoch;
    classical and hybrid runs were calibrated on it, by one sigmoid per class. Their temperature is
    a second fit to the same images, and makes up for what sigmoids lose when they are normalized
    to a sum of 1. The likelihood is maximized: the expected calibration error of the likeliest
    class is a different criterion, and may grow.

    Args:
        runs: any number of them.
        labels: of validation and test.
        seed: of the resamples, which are the same for all runs and stages.
    """
    fitted = [_fit(run, labels) for run in runs]
    several = [stages[name].found for _, stages in fitted for name in STAGES]
    intervals = iter(calibration_error_intervals(several, seed)) if several else iter(())
    return [
        Calibration(run, temperature, stages, {name: next(intervals) for name in STAGES})
        for run, (temperature, stages) in zip(runs, fitted, strict=True)
    ]


def _fit(run: ScoredRun, labels: Labels) -> tuple[float, dict[str, Stage]]:
    temperature = fit_temperature(run.probabilities["validation"], labels.validation)
    probabilities = run.probabilities["test"]
    return temperature, {
        "before": _stage(log_probabilities(probabilities), labels.test),
        "after": _stage(log_probabilities(probabilities, temperature), labels.test),
    }


def _stage(logarithms: NDArray[np.float64], labels: NDArray[np.integer]) -> Stage:
    probabilities = np.exp(logarithms)
    return Stage(
        found=confidences(probabilities, labels),
        negative_log_likelihood=negative_log_likelihood(logarithms, labels),
        brier=brier_score(probabilities, labels),
    )
