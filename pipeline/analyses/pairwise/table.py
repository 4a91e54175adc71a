"""``pairwise.csv``, ``agreement.csv`` and ``combinations.csv``: runs compared with each other."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd

from pipeline.analyses.pairwise.combinations import combine
from pipeline.analyses.pairwise.pairs import ALPHA, pair_runs
from pipeline.analyses.study import Study
from pipeline.statistics.agreement import agree
from pipeline.statistics.bootstrap import RESAMPLES
from pipeline.statistics.cross_validation import METHOD
from pipeline.storage.columns import Column, Table

_PAIR = (
    Column("run_a", "The run of the pair that is better on validation.", format="text"),
    Column("run_b", "The other run.", format="text"),
)
PAIRWISE = Table(
    "pairwise",
    "One row per pair of runs. Differences are those of run_a less run_b.",
    (
        *_PAIR,
        Column("family_a", "The family of run_a.", format="text"),
        Column("family_b", "The family of run_b.", format="text"),
        Column(
            "difference",
            "Difference of the test accuracies, each the mean over its seeds.",
            format="points",
            shown=True,
        ),
        Column(
            "ci_low",
            "Lower end of the 95% interval of the difference (paired bootstrap). It reflects "
            "test-set sampling; with cross-validation, it is at least as wide as that of the "
            "corrected resampled t-test over folds.",
            format="points",
        ),
        Column(
            "ci_high",
            "Upper end of the 95% interval of the difference (paired bootstrap). It reflects "
            "test-set sampling; with cross-validation, it is at least as wide as that of the "
            "corrected resampled t-test over folds.",
            format="points",
        ),
        Column(
            "seed_std",
            "Standard error of the difference over seeds. It reflects retraining; empty where "
            "both runs have one seed, a lower bound where one of them has.",
            title="Std. error over seeds",
            format="points",
        ),
        Column(
            "only_a_right",
            "Test images that only the first run classifies correctly, first seeds.",
            title="Only first correct",
            format="count",
            shown=True,
        ),
        Column(
            "only_b_right",
            "Test images that only the second run classifies correctly, first seeds.",
            title="Only second correct",
            format="count",
            shown=True,
        ),
        Column(
            "p_value",
            "Exact two-sided McNemar test of the first seeds; with cross-validation, the larger of "
            "this p-value and that of the corrected resampled t-test over folds.",
            title="p",
            format="p_value",
        ),
        Column(
            "p_holm",
            "The p-value, adjusted for the number of pairs (Holm).",
            title="p (Holm)",
            format="p_value",
            shown=True,
        ),
        Column(
            "holds",
            "Whether the difference is significant: the adjusted p-value is below 0.05, the "
            "interval does not contain 0, and test images are independent.",
            title="Significant",
            format="yes_no",
            shown=True,
        ),
    ),
)
AGREEMENT = Table(
    "agreement",
    "One row per pair of runs, in the order of the table pairwise. First seeds; shares of the test "
    "images.",
    (
        *_PAIR,
        Column(
            "agreement",
            "Share of the test images for which both predict the same class, right or wrong.",
            format="percent",
        ),
        Column(
            "kappa",
            "Cohen's kappa: agreement beyond chance, from -1 to 1.",
            title="Cohen's kappa",
            format="decimal",
        ),
        Column(
            "both_right",
            "Share of the test images that both classify correctly.",
            format="percent",
        ),
        Column(
            "oracle",
            "Share of the test images that at least one of the two classifies correctly.",
            format="percent",
        ),
        Column(
            "error_overlap",
            "Of the test images that at least one gets wrong, the share that both get wrong.",
            format="percent",
        ),
    ),
)
COMBINATIONS = Table(
    "combinations",
    "One row per kind of combination and set of families, each represented by its best run on "
    "validation. First seeds.",
    (
        Column(
            "kind",
            "oracle: at least one run is right, a bound that needs the label; mean: the mean of "
            "the probabilities; stack: weighted log-probabilities, with weights fitted on "
            "validation.",
            format="text",
        ),
        Column("families", "The families that are combined, joined by +.", format="text"),
        Column("runs", "The runs that are combined, joined by +.", format="text"),
        Column("n", "Number of test images.", title="Test images", format="count"),
        Column(
            "accuracy",
            "Share of the test images that the combination classifies correctly.",
            format="percent",
        ),
        Column(
            "ci_low",
            "Lower end of the 95% interval (Wilson) of the accuracy.",
            format="percent",
        ),
        Column(
            "ci_high",
            "Upper end of the 95% interval (Wilson) of the accuracy.",
            format="percent",
        ),
        Column("best_single", "The best of the combined runs on validation.", format="text"),
        Column(
            "difference",
            "Accuracy of the combination less that of the best single run.",
            format="points",
        ),
        Column(
            "p_value",
            "Exact McNemar test against the best single run, not adjusted; empty for an oracle.",
            title="p",
            format="p_value",
        ),
    ),
)
TABLES = (PAIRWISE, AGREEMENT, COMBINATIONS)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables ``pairwise``, ``agreement`` and ``combinations``."""
    return {
        PAIRWISE.name: pairwise_table(study),
        AGREEMENT.name: agreement_table(study),
        COMBINATIONS.name: combinations_table(study),
    }


def record(study: Study) -> dict[str, Any]:
    """Return how those tables were computed, for ``study.json``."""
    n_runs, folds = len(study.runs), study.labels.folds
    test, interval = "exact McNemar, two-sided, first seeds", "95%, paired bootstrap, percentile"
    if folds is not None:
        test = f"{METHOD}, and {test}: the larger p-value"
        interval = f"{interval}, and {METHOD}: the wider"
    return {
        "statistics": {
            "pairs": n_runs * (n_runs - 1) // 2,
            "alpha": ALPHA,
            "correction": "Holm 1979, over all pairs",
            "test": test,
            "interval": interval,
            "interval_reflects": "test-set sampling"
            if folds is None
            else "test-set sampling and training images",
            "seed_std": "standard error of the difference of means over seeds",
            "seed_std_reflects": "retraining",
            "resamples": RESAMPLES,
            "seed": study.seed,
            "independent_images": study.independent,
            "stack": "log-linear pool, one weight per run, by maximum likelihood on the validation "
            "split",
        }
    }


def pairwise_table(study: Study) -> pd.DataFrame:
    """Return one row per pair, columns of `PAIRWISE`."""
    rows = [
        {
            "run_a": pair.first.name,
            "run_b": pair.second.name,
            "family_a": pair.first.family,
            "family_b": pair.second.family,
            "difference": pair.difference,
            "ci_low": pair.interval.low,
            "ci_high": pair.interval.high,
            "seed_std": pair.training_std,
            "only_a_right": pair.counts.only_first,
            "only_b_right": pair.counts.only_second,
            "p_value": pair.p_value,
            "p_holm": pair.p_holm,
            "holds": pair.significant(study.independent),
        }
        for pair in pair_runs(study.runs, study.labels, study.seed)
    ]
    return pd.DataFrame(rows, columns=list(PAIRWISE.names))


def agreement_table(study: Study) -> pd.DataFrame:
    """Return one row per pair, columns of `AGREEMENT`."""
    rows = []
    for first, second in combinations(study.runs, 2):
        one, other = (run.predicted[0]["test"] for run in (first, second))
        found = agree(one, other, study.labels.test, len(study.labels.class_names))
        rows.append({"run_a": first.name, "run_b": second.name, **vars(found)})
    return pd.DataFrame(rows, columns=list(AGREEMENT.names))


def combinations_table(study: Study) -> pd.DataFrame:
    """Return one row per combination, columns of `COMBINATIONS`; empty with one family."""
    rows = []
    for each in combine(study.best, study.labels):
        interval = each.accuracy.interval()
        rows.append(
            {
                "kind": each.kind,
                "families": "+".join(each.families),
                "runs": "+".join(run.name for run in each.runs),
                "n": each.accuracy.n,
                "accuracy": each.accuracy.value,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "best_single": each.best_single.name,
                "difference": each.counts.difference,
                "p_value": each.p_value,
            }
        )
    return pd.DataFrame(rows, columns=list(COMBINATIONS.names))
