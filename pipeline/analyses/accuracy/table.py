"""``accuracy.csv``: one row per run, best on the validation split first.

Accuracy counts images; balanced accuracy and macro-F1 count classes, however many images they have.

Nothing here is measured by a clock (that is in ``cost.csv``), so that a study that is run again on
the same machine leaves the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.accuracy.augmented import COLUMNS as AUGMENTED
from pipeline.analyses.accuracy.augmented import augmented_columns
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.per_class import macro_f1_interval
from pipeline.statistics.proportions import mean_interval
from pipeline.storage.columns import Column, Table
from pipeline.storage.splits import SPLITS


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``accuracy``."""
    (table,) = TABLES
    rows = study.rows(table).join(augmented_columns(study)).join(_macro_f1_intervals(study))
    return {table.name: rows[list(table.names)]}


def _macro_f1_intervals(study: Study) -> pd.DataFrame:
    labels = study.labels
    found = [
        macro_f1_interval(
            [each["test"] for each in run.predicted],
            labels.test,
            len(labels.class_names),
            study.seed,
        )
        for run in study.runs
    ]
    return pd.DataFrame(
        {
            "macro_f1_ci_low": [each.low for each in found],
            "macro_f1_ci_high": [each.high for each in found],
        }
    )


def record(study: Study) -> dict[str, Any]:
    """Return the accuracies of each seed by itself, for ``study.json``."""
    return {"accuracy_by_seed": {run.name: _by_seed(run) for run in study.runs}}


def _by_seed(run: ScoredRun) -> dict[str, dict[str, float]]:
    return {
        str(card.seed): {split: each[split].value for split in SPLITS}
        for card, each in zip(run.cards, run.accuracies, strict=True)
    }


def _features(run: ScoredRun, study: Study) -> str:
    return "+".join(run.cards[0].features)


def _seeds(run: ScoredRun, study: Study) -> str:
    return "+".join(str(card.seed) for card in run.cards)


def _unique_accuracy(run: ScoredRun, study: Study) -> float:
    """Mean over seeds; NaN where every test image has a near-duplicate, or that is unknown."""
    unique = study.unique_images
    if unique is None or not unique.any():
        return float("nan")
    labels = study.labels.test[unique]
    return float(np.mean([each["test"][unique] == labels for each in run.predicted]))


def _n_unique(run: ScoredRun, study: Study) -> float:
    unique = study.unique_images
    return float("nan") if unique is None else int(unique.sum())


def _majority_share(tables: Mapping[str, pd.DataFrame]) -> float:
    """Return the share of the most common class by the table of classes."""
    per_class = tables["per_class"]
    support = per_class.loc[per_class["run"] == per_class["run"].iloc[0], "support"]
    return float(support.max() / support.sum())


TABLES = (
    Table(
        "accuracy",
        "One row per run, the best on the validation images first. Accuracies are means over "
        "seeds.",
        (
            Column(
                "run",
                "The name of the run in params.yaml.",
                format="text",
                value=lambda run, study: run.name,
            ),
            Column(
                "family",
                "Classical (hand-made features, no network), deep (a network), or hybrid (features "
                "of a network, with a classical classifier).",
                format="text",
                value=lambda run, study: run.family,
            ),
            Column(
                "method",
                "The classifier or the architecture.",
                format="text",
                value=lambda run, study: run.cards[0].method,
            ),
            Column(
                "features",
                "The feature sets that the classifier was given, joined by +; empty for networks.",
                format="text",
                value=_features,
            ),
            Column(
                "dataset",
                "The images that all runs were trained and tested on.",
                format="text",
                value=lambda run, study: study.dataset.name,
            ),
            Column(
                "seeds",
                "The seeds that the run was trained with, joined by +.",
                format="text",
                value=_seeds,
            ),
            Column(
                "train_accuracy",
                "Share of the training images that are classified correctly.",
                title="Train",
                format="percent",
                value=lambda run, study: run.accuracy("train").value,
                metric=True,
                shown=True,
            ),
            Column(
                "validation_accuracy",
                "Share of the validation images that are classified correctly.",
                title="Validation",
                format="percent",
                value=lambda run, study: run.accuracy("validation").value,
                metric=True,
                shown=True,
            ),
            Column(
                "validation_balanced_accuracy",
                "Mean of the recalls of all classes on the validation images, each with equal "
                "weight.",
                title="Validation, balanced",
                format="percent",
                value=lambda run, study: run.balanced_accuracy("validation", study.labels),
                optional=True,
                shown=True,
            ),
            Column(
                "test_accuracy",
                "Share of the test images that are classified correctly.",
                format="percent",
                value=lambda run, study: run.accuracy("test").value,
                metric=True,
            ),
            Column(
                "test_ci_low",
                "Lower end of the 95% interval (Wilson) of the test accuracy. It reflects "
                "test-set sampling.",
                format="percent",
                value=lambda run, study: run.accuracy("test").interval().low,
            ),
            Column(
                "test_ci_high",
                "Upper end of the 95% interval (Wilson) of the test accuracy. It reflects "
                "test-set sampling.",
                format="percent",
                value=lambda run, study: run.accuracy("test").interval().high,
            ),
            Column(
                "test_seed_std",
                "Sample standard deviation of the test accuracy over the seeds. It reflects "
                "retraining; empty with one seed.",
                title="Std. over seeds",
                format="points",
                value=lambda run, study: run.test_seed_std,
                metric=True,
                optional=True,
            ),
            Column(
                "majority_share",
                "Share of the test images in the most common class of the training images: the "
                "accuracy of always predicting it.",
                format="percent",
                value=lambda run, study: study.labels.majority[1].value,
                optional=True,
                otherwise=_majority_share,
            ),
            Column(
                "test_top2_accuracy",
                "Share of the test images whose class has one of the two highest scores; empty "
                "with two classes.",
                title="Top 2",
                format="percent",
                value=lambda run, study: run.test_top2_accuracy,
                optional=True,
                shown=True,
            ),
            Column(
                "test_accuracy_unique",
                "Accuracy on the test images without a near-duplicate in train or validation; "
                "empty if no such image is left, or if near-duplicates cannot be identified.",
                title="Without duplicates",
                format="percent",
                value=_unique_accuracy,
                optional=True,
                shown=True,
            ),
            Column(
                "n_test_unique",
                "Number of test images without a near-duplicate in train or validation.",
                title="Unique test images",
                format="count",
                value=_n_unique,
                optional=True,
            ),
            Column(
                "test_balanced_accuracy",
                "Mean of the recalls of all classes on the test images, each with equal weight.",
                title="Balanced",
                format="percent",
                value=lambda run, study: run.balanced_accuracy("test", study.labels),
                optional=True,
                shown=True,
                metric=True,
            ),
            Column(
                "test_balanced_ci_low",
                "Lower end of the 95% interval (Wilson, joined over classes) of the balanced test "
                "accuracy. It reflects test-set sampling.",
                format="percent",
                value=lambda run, study: mean_interval(run.recalls("test", study.labels)).low,
                optional=True,
            ),
            Column(
                "test_balanced_ci_high",
                "Upper end of the 95% interval (Wilson, joined over classes) of the balanced test "
                "accuracy. It reflects test-set sampling.",
                format="percent",
                value=lambda run, study: mean_interval(run.recalls("test", study.labels)).high,
                optional=True,
            ),
            Column(
                "macro_f1",
                "Mean of the F1 scores of all classes, each with equal weight.",
                title="Macro-F1",
                format="decimal",
                value=lambda run, study: run.class_scores(study.labels).macro_f1,
                metric=True,
                shown=True,
            ),
            Column(
                "macro_f1_ci_low",
                "Lower end of the 95% interval (bootstrap, stratified by class) of the macro-F1. "
                "It reflects test-set sampling.",
                format="decimal",
                optional=True,
            ),
            Column(
                "macro_f1_ci_high",
                "Upper end of the 95% interval (bootstrap, stratified by class) of the macro-F1. "
                "It reflects test-set sampling.",
                format="decimal",
                optional=True,
            ),
            Column(
                "parameters",
                "Stored numbers that are used to predict, including those of feature extractors; "
                "mean over seeds.",
                format="count",
                value=lambda run, study: round(run.mean("parameters")),
                shown=True,
            ),
            Column(
                "n_test",
                "Number of test images.",
                title="Test images",
                format="count",
                value=lambda run, study: run.accuracy("test").n,
            ),
            *AUGMENTED,
        ),
    ),
)
