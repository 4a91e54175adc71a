"""``tuning.csv``: the trials of all tuned runs."""

from __future__ import annotations

import pandas as pd

from pipeline.analyses.columns import RUN
from pipeline.analyses.study import Study
from pipeline.storage.columns import Column, Table

TABLES = (
    Table(
        "tuning",
        "One row per trial of a tuned run.",
        (
            RUN,
            Column("seed", "The seed of the search.", format="count"),
            Column("trial", "The number of the trial, from 0 on.", format="count"),
            Column(
                "state",
                "complete; pruned: stopped early; or diverged: the loss stopped being a number.",
                format="text",
            ),
            Column("images", "Training images of the trial's last fit.", format="count"),
            Column(
                "epochs",
                "Epochs that the trial was trained for; 0 for a classifier, which has none.",
                format="count",
                optional=True,
            ),
            Column(
                "validation_accuracy",
                "Share of the validation images that the last fit classifies correctly; where "
                "choices go by balanced accuracy, the mean of the classes' shares. Of a network, "
                "by the epoch that it keeps; of one that was stopped, by the best epoch until "
                "then. Empty for a training that diverged.",
                format="percent",
            ),
            Column("seconds", "Time that the trial took.", unit="s", format="quantity"),
            Column("options", "The options tried, as a JSON object.", format="text"),
        ),
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``tuning``, empty where no run was tuned."""
    (table,) = TABLES
    tuned = [run.tuning for run in study.runs if len(run.tuning)]
    empty = pd.DataFrame(columns=list(table.names))
    return {table.name: pd.concat(tuned, ignore_index=True)[list(empty)] if tuned else empty}
