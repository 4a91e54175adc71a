"""The shortcut control: the rows of ``shortcut.csv``, one per set of facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.checks import check_paired
from pipeline.statistics.multiple_comparisons import holm
from pipeline.statistics.significance import McNemar, mcnemar
from pipeline.storage.columns import Column, Table

TABLE = Table(
    "shortcut",
    "One row per set of facts from which a random forest predicts the class without seeing images.",
    (
        Column("facts", "The facts about the file that it sees.", format="text"),
        Column("n", "Test images.", format="count"),
        Column(
            "accuracy", "Share of the test images whose class it predicts.", format="percent",
            shown=True,
        ),
        Column("ci_low", "Lower limit of its 95% interval (Wilson).", format="percent"),
        Column("ci_high", "Upper limit.", format="percent"),
        Column(
            "floor",
            "Accuracy of always predicting the most common class of the training images.",
            format="percent",
        ),
        Column(
            "p_value",
            "Exact McNemar test against that floor, adjusted by Holm over the rows.",
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
    counts = dict(_counted(control, labels, floor))
    if not counts:
        return pd.DataFrame(columns=list(TABLE.names))
    adjusted = holm([each.p_value for each in counts.values()])
    rows: list[dict[str, Any]] = []
    for (name, found), p_value in zip(counts.items(), adjusted, strict=True):
        interval = found.first.interval()
        rows.append(
            {
                "facts": name, "n": found.n, "accuracy": found.first.value,
                "ci_low": interval.low, "ci_high": interval.high, "floor": found.second.value,
                "p_value": p_value,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _floor(labels: Labels) -> NDArray[np.bool_]:
    """Return (n,) whether each test image is of the most common class of the training images."""
    common = int(np.bincount(labels.by_split["train"]).argmax())
    found: NDArray[np.bool_] = labels.test == common
    return found


def _counted(
    control: pd.DataFrame, labels: Labels, floor: NDArray[np.bool_]
) -> Iterator[tuple[str, McNemar]]:
    for name, part in control.groupby("facts", sort=False):
        ids = part["id"].to_numpy()
        check_paired(ids, labels.test_ids, f"control on {name}", "dvc repro health")
        yield str(name), mcnemar(part["predicted"].to_numpy() == labels.test, floor)
