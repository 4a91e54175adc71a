"""Thresholds of two classes: chosen on validation, measured on test."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline.analyses.labels import Labels
from pipeline.analyses.two_classes.table import compute
from pipeline.config.aims import Aims
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run, study_of

# Probability of the second class, dog, on six images each.
VALIDATION = [(0.9, 1), (0.6, 1), (0.5, 0), (0.2, 1), (0.1, 0), (0.1, 0)]
TEST = [(0.95, 1), (0.7, 0), (0.55, 1), (0.3, 1), (0.15, 0), (0.05, 0)]


def by_hand(train=(0, 1), **options):
    splits = {"validation": VALIDATION, "test": TEST}
    labels = {name: np.array([label for _, label in rows]) for name, rows in splits.items()}
    labels["train"] = np.array(train)
    ids = {name: np.arange(len(each)) for name, each in labels.items()}
    known = Labels(("cat", "dog"), labels, ids)
    run = made_up_run("svm", known, 0.5, np.random.default_rng(0))
    shares = {name: np.array([share for share, _ in rows]) for name, rows in splits.items()}
    probabilities = {name: np.stack([1 - p, p], axis=1) for name, p in shares.items()}
    predicted = {name: (p >= 0.5).astype(int) for name, p in shares.items()}
    run = replace(run, probabilities=probabilities, predicted=(predicted,))
    return study_of([run], known, aims=Aims(**options))


def test_a_threshold_of_the_lowest_cost():
    """On validation 0.2 misses nothing for one false alarm; at equal costs 0.6 misses one dog."""
    table = compute(by_hand(miss_cost=4))["thresholds"]
    (row,) = table.to_dict("records")
    assert (row["rule"], row["wanted"], row["threshold"]) == ("miss_cost", 4, 0.2)
    # on test: three dogs and one cat
    assert (row["precision"], row["recall"]) == (3 / 4, 1)
    assert row["false_alarm_rate"] == 1 / 3
    assert row["cost"] == 1 / 6
    # as predicted, one dog is missed and one cat is found
    assert row["cost_as_predicted"] == (4 + 1) / 6
    assert row["recall_ci_low"] < 1 == row["recall_ci_high"]


def test_a_threshold_of_a_recall():
    (row,) = compute(by_hand(least_recall=0.6))["thresholds"].to_dict("records")
    assert (row["threshold"], row["recall"], row["precision"]) == (0.6, 1 / 3, 1 / 2)
    assert np.isnan(row["cost"])


def test_without_options_there_are_some_of_both():
    rows = compute(by_hand())["thresholds"]
    assert rows[["rule", "wanted"]].values.tolist() == [
        ["miss_cost", 1], ["miss_cost", 10], ["least_recall", 0.95],
    ]  # fmt: skip


def test_where_no_alarm_is_worth_it_the_threshold_is_empty():
    study = by_hand(positive="cat", miss_cost=0.01)
    validation = study.runs[0].probabilities["validation"]
    validation[:] = np.where(study.labels.validation[:, None] == 0, [0.2, 0.8], [0.9, 0.1])
    (row,) = compute(study)["thresholds"].to_dict("records")
    assert np.isnan(row["threshold"])
    assert np.isnan(row["precision"])
    assert row["recall"] == 0
    assert row["cost"] == pytest.approx(0.01 * 3 / 6)


@pytest.mark.parametrize(
    ("train", "options", "positive"),
    [
        ((0, 1), {}, "dog"),
        ((0, 1, 1), {}, "cat"),
        ((0, 0, 1), {}, "dog"),
        ((0, 0, 1), {"positive": "cat"}, "cat"),
    ],
)
def test_the_rarer_class_is_to_be_found_unless_another_is_named(train, options, positive):
    (row,) = compute(by_hand(train, **options))["two_classes"].to_dict("records")
    assert row["positive"] == positive


def test_areas_equal_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    labels = made_up_labels(rng, 200, classes=2)
    runs = [made_up_run(name, labels, skill, rng) for name, skill in (("a", 0.4), ("b", 0.8))]
    found = compute(study_of(runs, labels))
    for run, row in zip(runs, found["two_classes"].to_dict("records"), strict=True):
        scores = run.probabilities["test"][:, 1]
        assert row["auc"] == pytest.approx(roc_auc_score(labels.test, scores))
        assert row["average_precision"] == pytest.approx(
            average_precision_score(labels.test, scores), abs=1e-6
        )
        assert row["auc_ci_low"] < row["auc"] < row["auc_ci_high"]
        ends = row["average_precision_ci_low"], row["average_precision_ci_high"]
        assert ends[0] < row["average_precision"] < ends[1]
    curves = found["two_class_curves"]
    assert set(curves["run"]) == {"a"}  # it stands for its family
    roc = curves[curves["curve"] == "roc"]
    assert roc[["x", "y"]].iloc[[0, -1]].values.tolist() == [[0, 0], [1, 1]]
    area = np.trapezoid(roc["y"], roc["x"])
    assert area == pytest.approx(found["two_classes"]["auc"][0], abs=0.01)


@pytest.mark.parametrize("n", [300, 5000])
def test_curves_are_thinned(n):
    rng = np.random.default_rng(2)
    labels = made_up_labels(rng, n, classes=2)
    table = compute(study_of([made_up_run("a", labels, 0.5, rng)], labels))["two_class_curves"]
    assert table.groupby("curve").size().between(100, 201).all()


def test_more_classes_have_no_rows():
    rng = np.random.default_rng(3)
    labels = made_up_labels(rng, 50, classes=3)
    found = compute(study_of([made_up_run("a", labels, 0.5, rng)], labels))
    assert all(table.empty for table in found.values())
