"""``corruption.csv``: the accuracy of runs on corrupted test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pipeline.analyses.columns import FAMILY, RUN
from pipeline.analyses.corrupted_runs import CorruptedRun
from pipeline.analyses.corruption.robustness import corruption_summary
from pipeline.analyses.study import Study
from pipeline.statistics.proportions import Proportion
from pipeline.storage.columns import Column, Table

UNCORRUPTED = "none"

TABLES = (
    Table(
        "corruption",
        "One row per run, corruption and severity.",
        (
            RUN,
            FAMILY,
            Column(
                "corruption",
                "The corruption; none, in a run's first row, for the same images uncorrupted.",
                format="text",
            ),
            Column("severity", "From 1 to 5; 0 for uncorrupted images.", format="count"),
            Column(
                "accuracy",
                "Share of these images that are classified correctly.",
                format="percent",
            ),
            Column(
                "ci_low",
                "Lower end of the 95% interval (Wilson). It reflects test-set sampling.",
                format="percent",
            ),
            Column(
                "ci_high",
                "Upper end of the 95% interval (Wilson). It reflects test-set sampling.",
                format="percent",
            ),
            Column("n", "Number of images.", title="Images", format="count"),
        ),
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``corruption``."""
    (table,) = TABLES
    return {table.name: corruption_table(study.corrupted)}


def record(study: Study) -> dict[str, Any]:
    """Return mean drops, their comparison, and what is missing, for ``study.json``."""
    return {"corruption": corruption_summary(study.corrupted, study.seed, study.independent)}


def corruption_table(runs: Sequence[CorruptedRun]) -> pd.DataFrame:
    """Return one row per run, corruption and severity; a run's first row is of clean images."""
    (table,) = TABLES
    rows = []
    for run in runs:
        cells = [(UNCORRUPTED, 0, run.clean)]
        for name, levels in zip(run.corruptions, run.right, strict=True):
            cells += [(name, *cell) for cell in zip(run.severities, levels, strict=True)]
        for name, severity, right in cells:
            share = Proportion(int(right.sum()), len(right))
            interval = share.interval()
            rows.append(
                {
                    "run": run.name,
                    "family": run.family,
                    "corruption": name,
                    "severity": severity,
                    "accuracy": share.value,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "n": share.n,
                }
            )
    return pd.DataFrame(rows, columns=list(table.names))
