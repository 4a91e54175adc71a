"""``learning_curves.csv``: the histories of all runs, one row per point of a curve."""

from __future__ import annotations

import pandas as pd

from pipeline.analyses.columns import RUN
from pipeline.analyses.learning_curves.onset import marks
from pipeline.analyses.study import Study
from pipeline.storage.columns import Column, Table

TABLES = (
    Table(
        "learning_curves",
        "One row per run, seed and point of one of its curves.",
        (
            RUN,
            Column("seed", "The seed that the run was trained with.", format="count"),
            Column("x", "The epoch, or the number of training images.", format="count"),
            Column("x_kind", "What x counts: epoch, or images.", format="text"),
            Column("split", "The images that the value is of: train or validation.", format="text"),
            Column("metric", "What is measured, such as accuracy or loss.", format="text"),
            Column("value", "The value of the metric.", format="decimal"),
            Column(
                "mark",
                "kept: the value by which the epoch was chosen whose weights were kept; overfits "
                "from: the validation loss from which on the run overfits; otherwise empty.",
                format="text",
                optional=True,
            ),
        ),
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``learning_curves``."""
    (table,) = TABLES
    histories = pd.concat([run.history for run in study.runs], ignore_index=True)
    kept = {
        (run.name, card.seed): (str(card.notes["monitor"]), int(card.notes["best_epoch"]))
        for run in study.runs
        for card in run.cards
        if {"monitor", "best_epoch"} <= card.notes.keys()
    }
    histories["mark"] = marks(histories, kept)
    return {table.name: histories[list(table.names)]}
