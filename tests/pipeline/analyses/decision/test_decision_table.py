"""Tiers, the runs that are nearly as good as the best, and answers of sure images."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analyses.decision.choices import near_best, tiers
from pipeline.analyses.decision.table import compute, record
from pipeline.analyses.labels import Labels
from pipeline.config.aims import Aims
from pipeline.statistics.multiple_comparisons import holm
from pipeline.statistics.significance import mcnemar
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run, study_of

N = 1000


@pytest.fixture(scope="module")
def labels():
    return made_up_labels(np.random.default_rng(0), N)


def run_that_errs(name, labels, wrong, seed=0, ms=1.0, seconds=1.0, device="d"):
    """A run that is wrong on these test images."""
    run = made_up_run(name, labels, 0.9, np.random.default_rng(seed))
    predicted = labels.test.copy()
    predicted[wrong] = (predicted[wrong] + 1) % 4
    card = replace(run.cards[0], predict_ms_per_image=ms, train_seconds=seconds, device=device)
    return replace(run, predicted=(run.predicted[0] | {"test": predicted},), cards=(card,))


def test_runs_of_a_tier_are_not_significantly_worse_than_its_first(labels):
    best = run_that_errs("best", labels, range(100))
    near = run_that_errs("near", labels, range(5, 108))
    poor = run_that_errs("poor", labels, range(200))
    poorer = run_that_errs("poorer", labels, range(205))
    worst = run_that_errs("worst", labels, range(500))
    found = tiers([best, near, poor, poorer, worst], labels)
    names = [[run.name for run in tier.runs] for tier in found]
    assert names == [["best", "near"], ["poor", "poorer"], ["worst"]]


def test_p_values_are_exact_mcnemar_with_holms_correction(labels):
    runs = [run_that_errs(str(k), labels, range(100 - 4 * k, 210 - k)) for k in range(4)]
    right = [run.predicted[0]["test"] == labels.test for run in runs]
    expected = holm([mcnemar(each, right[0]).p_value for each in right[1:]])
    (tier,) = tiers(runs, labels)
    assert tier.p_values[1:] == pytest.approx(expected)
    assert np.isnan(tier.p_values[0])


def test_a_run_that_is_better_than_validation_said_stays_in_the_first_tier(labels):
    first = run_that_errs("first", labels, range(200))
    better = run_that_errs("better", labels, range(50))
    assert [len(tier.runs) for tier in tiers([first, better], labels)] == [2]


@pytest.mark.parametrize(("spread", "runs_in_first_tier"), [(1, 2), (5, 1)])
def test_with_folds_errors_of_one_fold_are_weak_evidence(labels, spread, runs_in_first_tier):
    """100 more errors: in one of five folds it was that model; in all of them it is the method."""
    folds = np.arange(N) % 5
    of_folds = replace(labels, folds=folds)
    best = run_that_errs("best", labels, [])
    worse = run_that_errs("worse", labels, np.flatnonzero(folds < spread)[:100])
    assert len(tiers([best, worse], of_folds)[0].runs) == runs_in_first_tier
    assert len(tiers([best, worse], labels)[0].runs) == 1
    (near,) = near_best([best, worse], of_folds, 0.02)
    (pooled,) = near_best([best, worse], labels, 0.02)
    assert near.difference == pooled.difference == -0.1
    assert near.interval.low <= pooled.interval.low < pooled.interval.high <= near.interval.high


def test_not_to_differ_is_not_enough_to_be_near(labels):
    """Both are 2 images below the best; only one of them hardly ever differs from it."""
    best = run_that_errs("best", labels, range(100))
    close = run_that_errs("close", labels, range(102))
    unlike = run_that_errs("unlike", labels, range(60, 162))
    found = near_best([best, close, unlike], labels, 0.01)
    assert [each.difference for each in found] == pytest.approx([-0.002, -0.002])
    assert [each.is_near for each in found] == [True, False]
    assert mcnemar(*(r.predicted[0]["test"] == labels.test for r in (best, unlike))).p_value > 0.5
    assert [each.is_near for each in near_best([best, unlike], labels, 0.05)] == [True]


def test_the_cheapest_run_within_the_margin(labels):
    runs = [
        run_that_errs("best", labels, range(100), ms=9.0, seconds=9.0),
        run_that_errs("fast", labels, range(102), ms=1.0, seconds=5.0),
        run_that_errs("quick", labels, range(101), ms=2.0, seconds=2.0),
        run_that_errs("elsewhere", labels, range(100), ms=0.1, seconds=0.1, device="another"),
        run_that_errs("poor", labels, range(200), ms=0.1, seconds=0.1),
    ]
    found = record(study_of(runs, labels))["decision"]
    assert (found["best"], found["margin"]) == ("best", 0.01)
    assert found["cheapest_by_predict_ms_per_image"] == "fast"
    assert found["cheapest_by_train_seconds"] == "quick"
    strict = record(study_of(runs, labels, aims=Aims(margin=0.001)))["decision"]
    assert strict["cheapest_by_predict_ms_per_image"] == "best"


def test_what_the_test_set_can_show(labels):
    runs = [run_that_errs("a", labels, range(100)), run_that_errs("b", labels, range(40, 150))]
    found = record(study_of(runs, labels))["decision"]
    assert (found["pair"], found["n"], found["discordance"]) == (["a", "b"], 1000, 0.09)
    assert 0.02 < found["detectable"] < 0.03
    assert found["images_for_half"] == pytest.approx(4000, rel=0.05)
    same = record(study_of([runs[0], runs[0]], labels))["decision"]
    assert same["detectable"] is None


def test_the_table_has_a_row_per_run(labels):
    runs = [run_that_errs("a", labels, range(100)), run_that_errs("b", labels, range(300))]
    rows = compute(study_of(runs, labels))["decision"].to_dict("records")
    assert [(row["run"], row["tier"], row["near_best"]) for row in rows] == [
        ("a", 1, True), ("b", 2, False),
    ]  # fmt: skip
    assert rows[0]["difference"] == 0
    assert rows[1]["ci_low"] < rows[1]["difference"] == -0.2 < rows[1]["ci_high"]


def test_nothing_is_tested_where_images_are_not_independent(labels):
    runs = [run_that_errs("a", labels, range(100)), run_that_errs("b", labels, range(300))]
    study = study_of(runs, labels, independent=False)
    table = compute(study)["decision"]
    assert table[["tier", "margin_p"]].isna().all(axis=None)
    assert not table["near_best"].any()
    assert "pair" not in record(study)["decision"]


def test_of_unequal_classes_balanced_accuracies_are_compared():
    """A run that loses 20 of 40 rare images is not near, though it is in accuracy."""
    test = np.repeat([0, 1], [2960, 40])
    splits = {"train": test, "validation": test, "test": test}
    known = Labels(("a", "b"), splits, {split: np.arange(3000) for split in splits})
    run = made_up_run("best", known, 0.9, np.random.default_rng(0))
    best = replace(run, predicted=({**run.predicted[0], "test": test.copy()},))
    blind = replace(run, name="blind", predicted=({**run.predicted[0], "test": test.copy()},))
    blind.predicted[0]["test"][-20:] = 0
    (found,) = near_best([best, blind], known, 0.02)
    assert found.difference == pytest.approx(-0.25)
    assert not found.is_near
    assert [len(tier.runs) for tier in tiers([best, blind], known)] == [1, 1]
    (by_accuracy,) = near_best([best, blind], replace_train(known), 0.02)
    assert by_accuracy.is_near


def replace_train(known):
    """The same with equal classes in train."""
    return Labels(known.class_names, {**known.by_split, "train": np.array([0, 1])}, known.ids)


def test_thresholds_of_answers_are_chosen_on_validation(labels):
    run = made_up_run("a", labels, 0.7, np.random.default_rng(3))
    right = {s: run.predicted[0][s] == labels.by_split[s] for s in ("validation", "test")}
    for split, shift in (("validation", 0.0), ("test", 0.1)):
        # right answers are surer by far, and on test images all are surer than on validation
        sure = np.where(right[split], 0.8, 0.4) + shift
        probabilities = np.full((N, 4), (1 - sure[:, None]) / 3)
        probabilities[np.arange(N), run.predicted[0][split]] = sure
        run.probabilities[split] = probabilities
    rows = compute(study_of([run], labels))["answers"].to_dict("records")
    assert [row["target"] for row in rows] == [0.95, 0.99]
    for row in rows:
        assert row["threshold"] == pytest.approx(0.8)
        assert row["coverage"] == pytest.approx(right["test"].mean())
        assert row["accuracy"] == 1


def test_the_curve_ends_at_the_accuracy_of_all_images(labels):
    run = made_up_run("a", labels, 0.7, np.random.default_rng(4))
    table = compute(study_of([run], labels))["coverage"]
    last = table.iloc[-1]
    assert last["coverage"] == 1
    assert last["accuracy"] == pytest.approx(run.accuracy("test").value)
    assert table["coverage"].is_monotonic_increasing
    assert len(table) <= 100
