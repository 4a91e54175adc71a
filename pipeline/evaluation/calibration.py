"""Calibration of every run, before and after temperature scaling on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.accuracy import Interval
from pipeline.evaluation.reliability import (
    Confidences,
    ReliabilityCurve,
    calibration_error_intervals,
    confidences,
    reliability_curve,
)
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.evaluation.temperature import (
    brier_score,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
)
from pipeline.results import CALIBRATION_COLUMNS, RELIABILITY_COLUMNS

STAGES = ("before", "after")
KINDS = {"probability": "softmax", "decision": "sigmoid on validation"}
"""`score_kind` of a card -> where the probabilities of a run are from."""


@dataclass(frozen=True)
class Stage:
    """Probabilities of the test split at one temperature, held against its labels."""

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
    """Fitted on validation; above 1 the run was surer than right there."""
    stages: Mapping[str, Stage]
    """``before`` (temperature 1) and ``after``."""
    error_intervals: Mapping[str, Interval]
    """Of the expected calibration error of each stage, 95 %: other test images."""


def calibrate(runs: Sequence[ScoredRun], answers: Answers, seed: int) -> list[Calibration]:
    """Fit each run's temperature on validation, and hold both stages against the test labels.

    The probabilities of networks have not seen the labels of the validation split, but for the
    choice of an epoch; those of classical runs and hybrids were made on it, by a sigmoid a class.
    Their temperature is a second fit to the same images, and makes up for what sigmoids lose when
    they are brought to a sum of 1. It is the likelihood that is maximised: the expected calibration
    error of the likeliest class, which is another thing, may grow.

    Args:
        runs: any number.
        answers: labels of validation and test.
        seed: of the resamples, which are the same for all runs and stages.
    """
    fitted = [_fit(run, answers) for run in runs]
    several = [stages[name].found for _, stages in fitted for name in STAGES]
    intervals = iter(calibration_error_intervals(several, seed)) if several else iter(())
    return [
        Calibration(run, temperature, stages, {name: next(intervals) for name in STAGES})
        for run, (temperature, stages) in zip(runs, fitted, strict=True)
    ]


def _fit(run: ScoredRun, answers: Answers) -> tuple[float, dict[str, Stage]]:
    temperature = fit_temperature(
        run.probabilities["validation"], np.asarray(answers.labels["validation"])
    )
    shares, labels = run.probabilities["test"], np.asarray(answers.labels["test"])
    return temperature, {
        "before": _stage(log_probabilities(shares), labels),
        "after": _stage(log_probabilities(shares, temperature), labels),
    }


def _stage(logarithms: NDArray[np.float64], labels: NDArray[np.integer]) -> Stage:
    probabilities = np.exp(logarithms)
    return Stage(
        found=confidences(probabilities, labels),
        negative_log_likelihood=negative_log_likelihood(logarithms, labels),
        brier=brier_score(probabilities, labels),
    )


def calibration_table(calibrations: Sequence[Calibration]) -> pd.DataFrame:
    """One row a run, columns `CALIBRATION_COLUMNS`."""
    rows = []
    for each in calibrations:
        row: dict[str, object] = {
            "run": each.run.name,
            "family": each.run.family,
            "probabilities": KINDS[each.run.cards[0].score_kind],
            "n": len(each.stages["before"].found.correct),
            "temperature": each.temperature,
        }
        for name, stage in each.stages.items():
            interval = each.error_intervals[name]
            row |= {
                f"ece_{name}": stage.curve.expected_calibration_error,
                f"ece_{name}_low": interval.low,
                f"ece_{name}_high": interval.high,
                f"nll_{name}": stage.negative_log_likelihood,
                f"brier_{name}": stage.brier,
                f"confidence_{name}": float(stage.found.confidence.mean()),
            }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))


def reliability_table(calibrations: Sequence[Calibration]) -> pd.DataFrame:
    """One row a run, stage and bin, columns `RELIABILITY_COLUMNS`; bins count from 1."""
    parts = []
    for each in calibrations:
        for name, stage in each.stages.items():
            curve = stage.curve
            columns = {
                "run": each.run.name,
                "stage": name,
                "bin": np.arange(1, len(curve.n) + 1),
                "low": curve.low,
                "high": curve.high,
                "n": curve.n,
                "confidence": curve.confidence,
                "accuracy": curve.accuracy,
            }
            parts.append(pd.DataFrame(columns))
    empty = pd.DataFrame(columns=list(RELIABILITY_COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(empty)] if parts else empty
