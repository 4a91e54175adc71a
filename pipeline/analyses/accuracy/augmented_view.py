"""The small table of the runs with test-time augmentation, below that of all runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.analyses.accuracy.augmented import ACCURACY, DIFFERENCE, KIND, P_VALUE
from pipeline.analyses.accuracy.table import TABLES
from pipeline.analyses.tables import tables
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, columns_of, runs_table

_INTERVALS = {
    "test_accuracy": ("test_ci_low", "test_ci_high"),
    ACCURACY.name: ("tta_test_ci_low", "tta_test_ci_high"),
    DIFFERENCE.name: ("tta_difference_ci_low", "tta_difference_ci_high"),
}
"""Column -> the ends of its interval."""
_TIMES = {
    "predict_ms_per_image": "Prediction",
    "tta_ms_per_image": "Prediction with it",
}
"""Column of ``cost.csv`` -> its heading here, where the caption says what `it` is."""


@dataclass(frozen=True)
class Augmented:
    """The runs with test-time augmentation, in the order of the accuracy table."""

    runs_table: RunsTable
    independent: bool
    """Whether the test images are independent samples."""

    @property
    def sentence(self) -> str:
        """What these numbers are, and what they are not used for."""
        text = (
            "With test-time augmentation, a run’s scores are averaged over several views of an "
            "image. All other numbers on this page are without it, and nothing is selected or "
            "compared by it."
        )
        if self.independent:
            return text
        return (
            f"{text} The test images are not independent samples, so the intervals and p-values "
            "are illustrative only."
        )


def augmented(study: StudyResults) -> Augmented | None:
    """Write the table; None where no run has test-time augmentation."""
    table = study.tables["accuracy"]
    cost = study.tables["cost"][["run", *_TIMES]]
    rows = table[table[ACCURACY.name].notna()].merge(
        cost, on="run", how="left", suffixes=("_of_accuracy", "")
    )
    if rows.empty:
        return None
    own, costs = columns_of(TABLES, "accuracy"), columns_of(tables(), "cost")
    times = [replace(costs[name], title=title) for name, title in _TIMES.items()]
    columns = [KIND, own["test_accuracy"], ACCURACY, DIFFERENCE, P_VALUE, *times]
    found = runs_table(columns, rows.to_dict("records"), _INTERVALS)
    return Augmented(found, study.independent)
