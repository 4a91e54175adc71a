"""Columns of ``accuracy.csv`` with test-time augmentation; their names begin with ``tta``.

They answer what averaging over several views of an image adds to a run. No run is chosen by them,
and no other table, test or sentence uses them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analyses.families import compare_over_folds
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.bootstrap import resampled_means
from pipeline.statistics.cross_validation import wider
from pipeline.statistics.proportions import Interval, mean_proportion
from pipeline.statistics.significance import mcnemar
from pipeline.storage.columns import Column

KIND = Column(
    "tta",
    "The kind of test-time augmentation: mirror, an image and its mirror image; mirror_shift, six "
    "views, as in airbench94; empty for a run without it.",
    title="Views",
    format="text",
    optional=True,
)
ACCURACY = Column(
    "tta_test_accuracy",
    "Share of the test images that are classified correctly with test-time augmentation; empty for "
    "a run without it.",
    title="Test accuracy with it",
    format="percent",
    optional=True,
)
DIFFERENCE = Column(
    "tta_difference",
    "Test accuracy with test-time augmentation less that without it.",
    title="Difference",
    format="points",
    optional=True,
)
P_VALUE = Column(
    "tta_p_value",
    "Exact two-sided McNemar test of the difference on the test images, first seed; not adjusted "
    "for the number of runs.",
    title="p",
    format="p_value",
    optional=True,
)
COLUMNS = (
    KIND,
    Column(
        "tta_validation_accuracy",
        "Share of the validation images that are classified correctly with test-time augmentation. "
        "Nothing is chosen by it.",
        title="Validation accuracy with it",
        format="percent",
        optional=True,
    ),
    ACCURACY,
    Column(
        "tta_test_ci_low",
        "Lower end of the 95% interval (Wilson) of the test accuracy with test-time augmentation.",
        format="percent",
        optional=True,
    ),
    Column(
        "tta_test_ci_high",
        "Upper end of the 95% interval (Wilson) of the test accuracy with test-time augmentation.",
        format="percent",
        optional=True,
    ),
    DIFFERENCE,
    Column(
        "tta_difference_ci_low",
        "Lower end of the 95% interval of the difference (paired bootstrap). It reflects test-set "
        "sampling.",
        format="points",
        optional=True,
    ),
    Column(
        "tta_difference_ci_high",
        "Upper end of the 95% interval of the difference (paired bootstrap). It reflects test-set "
        "sampling.",
        format="points",
        optional=True,
    ),
    P_VALUE,
)


def augmented_columns(study: Study) -> pd.DataFrame:
    """Return `COLUMNS`, one row per run in the order of the study; empty cells without it."""
    runs = [run for run in study.runs if run.augmented]
    intervals = _intervals(runs, study) if runs else {}
    rows = [
        _row(run, study, intervals[run.name]) if run.augmented else {KIND.name: ""}
        for run in study.runs
    ]
    return pd.DataFrame(rows, columns=[column.name for column in COLUMNS])


def _row(run: ScoredRun, study: Study, difference: Interval) -> dict[str, object]:
    test = mean_proportion([each["test"] for each in run.augmented_accuracies(study.labels)])
    validation = [each["validation"] for each in run.augmented_accuracies(study.labels)]
    labels, interval = study.labels.test, test.interval()
    with_views, without = run.augmented[0]["test"] == labels, run.predicted[0]["test"] == labels
    p_value, folds = mcnemar(with_views, without).p_value, study.labels.folds
    if folds is not None:
        corrected = compare_over_folds(with_views, without, folds)
        p_value = max(p_value, corrected.p_value)
        difference = wider(difference, corrected.interval())
    return {
        KIND.name: run.cards[0].options["tta"],
        "tta_validation_accuracy": mean_proportion(validation).value,
        ACCURACY.name: test.value,
        "tta_test_ci_low": interval.low,
        "tta_test_ci_high": interval.high,
        DIFFERENCE.name: test.value - run.accuracy("test").value,
        "tta_difference_ci_low": difference.low,
        "tta_difference_ci_high": difference.high,
        P_VALUE.name: p_value,
    }


def _intervals(runs: list[ScoredRun], study: Study) -> dict[str, Interval]:
    """Return the interval of each run's difference, means over seeds, from the same resamples."""
    labels = study.labels.test
    shares = [np.mean([each["test"] == labels for each in run.augmented], axis=0) for run in runs]
    shares += [run.share_right(study.labels) for run in runs]
    resampled = resampled_means(np.stack(shares, axis=1), study.seed)
    return {
        run.name: resampled.difference_interval(index, len(runs) + index)
        for index, run in enumerate(runs)
    }
