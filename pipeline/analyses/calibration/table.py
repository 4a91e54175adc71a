"""``calibration.csv`` and ``reliability.csv``: before and after temperature scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.calibration.temperatures import STAGES, Calibration, calibrate
from pipeline.analyses.columns import FAMILY, RUN
from pipeline.analyses.study import Study
from pipeline.statistics.reliability import BINS, ERROR_RESAMPLES
from pipeline.storage.columns import Column, Format, Table

KINDS = {"probability": "softmax", "decision": "sigmoid on validation"}
"""`score_kind` of a card -> where the probabilities of a run are from."""


def _before_and_after(
    name: str, meaning: str, title: str, unit: str = "", format: Format = "decimal"
) -> tuple[Column, ...]:
    return tuple(
        Column(
            f"{name}_{stage}",
            f"{meaning}, {stage} temperature scaling.",
            f"{title}, {stage}",
            unit,
            format,
            shown=name != "confidence",
        )
        for stage in STAGES
    )


def _error_and_interval(stage: str) -> tuple[Column, ...]:
    what = f"of the expected calibration error {stage} temperature scaling"
    return (
        Column(
            f"ece_{stage}",
            "Expected calibration error: the mean difference between confidence (the largest "
            f"probability) and accuracy, {stage} temperature scaling.",
            f"Calibration error, {stage}",
            format="points",
            shown=True,
        ),
        Column(
            f"ece_{stage}_low",
            f"Lower end of the 95% interval (bootstrap) {what}. It reflects test-set sampling.",
            "95% interval, low",
            format="points",
        ),
        Column(
            f"ece_{stage}_high",
            f"Upper end of the 95% interval (bootstrap) {what}. It reflects test-set sampling.",
            "95% interval, high",
            format="points",
        ),
    )


CALIBRATION = Table(
    "calibration",
    "One row per run: its first seed, before and after temperature scaling on validation.",
    (
        RUN,
        FAMILY,
        Column(
            "probabilities",
            "Where the probabilities come from: the network's softmax, or sigmoids fitted to the "
            "scores on validation images.",
            format="text",
            shown=True,
        ),
        Column("n", "Number of test images.", title="Test images", format="count"),
        Column(
            "temperature",
            "The temperature fitted on validation; above 1 where the run was overconfident there.",
            format="decimal",
            shown=True,
        ),
        *_error_and_interval("before"),
        *_error_and_interval("after"),
        *_before_and_after(
            "nll", "Mean negative log-likelihood of the labels", "Log loss", unit="nats"
        ),
        *_before_and_after("brier", "Brier score, from 0 to 2", "Brier score"),
        *_before_and_after(
            "confidence",
            "Mean probability of the likeliest class",
            "Mean confidence",
            format="percent",
        ),
    ),
)
RELIABILITY = Table(
    "reliability",
    "One row per run, stage and bin of confidence.",
    (
        RUN,
        Column("stage", "before or after temperature scaling.", format="text"),
        Column("bin", "The number of the bin, from 1 on.", format="count"),
        Column("low", "The confidence above which the bin begins.", format="percent"),
        Column("high", "The confidence up to which the bin goes.", format="percent"),
        Column("n", "Number of test images in the bin.", title="Test images", format="count"),
        Column("confidence", "Their mean confidence; empty for an empty bin.", format="percent"),
        Column(
            "accuracy",
            "The share of them that is classified correctly; empty for an empty bin.",
            format="percent",
        ),
    ),
)
TABLES = (CALIBRATION, RELIABILITY)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables ``calibration`` and ``reliability``."""
    calibrations = calibrate(study.runs, study.labels, study.seed)
    return {
        CALIBRATION.name: calibration_table(calibrations),
        RELIABILITY.name: reliability_table(calibrations),
    }


def record(study: Study) -> dict[str, Any]:
    """Return how those tables were computed, for ``study.json``."""
    return {
        "statistics": {
            "bins": BINS,
            "calibration_interval": "95%, bootstrap, basic",
            "calibration_resamples": ERROR_RESAMPLES,
            "temperature": "one per run, by maximum likelihood on the validation split",
        }
    }


def calibration_table(calibrations: Sequence[Calibration]) -> pd.DataFrame:
    """Return one row per run, columns of `CALIBRATION`."""
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
    return pd.DataFrame(rows, columns=list(CALIBRATION.names))


def reliability_table(calibrations: Sequence[Calibration]) -> pd.DataFrame:
    """Return one row per run, stage and bin, columns of `RELIABILITY`; bins count from 1."""
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
    empty = pd.DataFrame(columns=list(RELIABILITY.names))
    return pd.concat(parts, ignore_index=True)[list(empty)] if parts else empty
