"""The shortcut control: the rows of ``shortcut.csv``, one per set of facts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.checks import check_paired
from pipeline.statistics.cross_validation import fold_mean, wider
from pipeline.statistics.multiple_comparisons import holm
from pipeline.statistics.significance import mcnemar
from pipeline.storage.columns import Column, Table

TABLE = Table(
    "shortcut",
    "One row per set of facts from which a random forest predicts the class without seeing images.",
    (
        Column("facts", "The facts about the file that it sees.", format="text"),
        Column("n", "Test images.", title="Test images", format="count"),
        Column(
            "accuracy", "Share of the test images whose class it predicts.", format="percent",
            shown=True,
        ),
        Column(
            "ci_low",
            "Lower limit of its 95% interval (Wilson).",
            format="percent",
        ),
        Column("ci_high", "Upper limit.", format="percent"),
        Column(
            "floor",
            "Accuracy of always predicting the most common class of the training images.",
            title="Baseline",
            format="percent",
        ),
        Column(
            "p_value",
            "Exact McNemar test against that baseline, with folds at least the corrected resampled "
            "t-test (Nadeau and Bengio 2003), adjusted by Holm over the rows.",
            title="p",
            format="p_value",
        ),
    ),
    optional=True,
)  # fmt: skip


def shortcut_rows(control: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Compare the predictions from each set of facts with those of always the same class.

    Args:
        control: columns `pipeline.storage.health.CONTROL_COLUMNS`.
        labels: of this study.

    Raises:
        StudyError: if the predictions are not of exactly this study's test images.
    """
    floor = _floor(labels)
    found = {name: _against(right, floor, labels) for name, right in _right(control, labels)}
    if not found:
        return pd.DataFrame(columns=list(TABLE.names))
    adjusted = holm([row["p_value"] for row in found.values()])
    return pd.DataFrame(
        [
            {"facts": name, **row, "p_value": p_value}
            for (name, row), p_value in zip(found.items(), adjusted, strict=True)
        ]
    )


def _against(
    right: NDArray[np.bool_], floor: NDArray[np.bool_], labels: Labels
) -> dict[str, float]:
    """Return a row but for the facts; with folds, the corrected test and interval have to agree."""
    counts = mcnemar(right, floor)
    interval, p_value = counts.first.interval(), counts.p_value
    if labels.folds is not None:
        over_folds = fold_mean(right.astype(float) - floor, labels.folds)
        p_value = max(p_value, over_folds.p_value)
        interval = wider(interval, fold_mean(right, labels.folds).interval())
    return {
        "n": counts.n, "accuracy": counts.first.value, "ci_low": max(0.0, interval.low),
        "ci_high": min(1.0, interval.high), "floor": counts.second.value, "p_value": p_value,
    }  # fmt: skip


def _floor(labels: Labels) -> NDArray[np.bool_]:
    """Return (n,) whether each test image is of the most common class of the training images."""
    common = int(np.bincount(labels.by_split["train"]).argmax())
    found: NDArray[np.bool_] = labels.test == common
    return found


def _right(control: pd.DataFrame, labels: Labels) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each set of facts, and (n,) whether it predicts the class of each test image."""
    for name, part in control.groupby("facts", sort=False):
        ids = part["id"].to_numpy()
        check_paired(ids, labels.test_ids, f"control on {name}", "dvc repro health")
        yield str(name), part["predicted"].to_numpy() == labels.test
