"""All pairs at once: which differences are significant, and why."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.analyses.pairwise.pairs import ALPHA, PairedRuns, pair_runs
from pipeline.analyses.pairwise.table import AGREEMENT, PAIRWISE, agreement_table, pairwise_table
from pipeline.statistics.cross_validation import fold_mean
from pipeline.statistics.proportions import Interval
from pipeline.statistics.significance import McNemar
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run, study_of


@pytest.fixture
def labels(rng):
    return made_up_labels(rng)


@pytest.fixture
def four(rng, labels):
    return [
        made_up_run("net", labels, 0.8, rng, seeds=3, family="deep"),
        made_up_run("svm", labels, 0.75, rng),
        made_up_run("mixed", labels, 0.7, rng, seeds=2, family="hybrid"),
        made_up_run("poor", labels, 0.3, rng),
    ]


def test_a_row_a_pair_in_the_order_of_the_runs(four, labels):
    table = pairwise_table(study_of(four, labels))
    assert tuple(table) == PAIRWISE.names
    assert list(zip(table["run_a"], table["run_b"], strict=True)) == [
        ("net", "svm"), ("net", "mixed"), ("net", "poor"),
        ("svm", "mixed"), ("svm", "poor"), ("mixed", "poor"),
    ]  # fmt: skip
    first = table.iloc[0]
    assert (first["family_a"], first["family_b"]) == ("deep", "classical")
    mean = np.mean([each["test"] == labels.test for each in four[0].predicted])
    assert first["difference"] == pytest.approx(
        mean - np.mean(four[1].predicted[0]["test"] == labels.test)
    )
    assert first["ci_low"] < first["difference"] < first["ci_high"]


def test_counts_and_p_values_are_of_first_seeds(four, labels):
    row = pairwise_table(study_of(four, labels)).iloc[1]
    one, other = (four[i].predicted[0]["test"] == labels.test for i in (0, 2))
    assert row["only_a_right"] == (one & ~other).sum()
    assert row["only_b_right"] == (other & ~one).sum()
    both = row["only_a_right"] + row["only_b_right"]
    assert row["p_value"] == pytest.approx(stats.binomtest(row["only_a_right"], both).pvalue)


def test_holms_method_by_hand(four, labels):
    """Sorted p times (pairs, pairs - 1, ... 1), never falling, never above 1."""
    table = pairwise_table(study_of(four, labels))
    p = table["p_value"].to_numpy()
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    assert table["p_holm"].to_numpy()[order] == pytest.approx(stepped)


def test_the_interval_of_one_seed_each_is_near_newcombes(four, labels):
    pair = pair_runs(four, labels, 0)[4]
    assert (pair.first.name, pair.second.name) == ("svm", "poor")
    other = pair.counts.interval()
    assert pair.interval.low == pytest.approx(other.low, abs=0.01)
    assert pair.interval.high == pytest.approx(other.high, abs=0.01)


def test_a_difference_is_significant_only_with_all_three(four):
    good = PairedRuns(
        four[0], four[3], 0.1, Interval(0.05, 0.15), McNemar(5, 4, 3, 2), 0.001, 0.001
    )
    assert good.significant(independent=True)
    assert not good.significant(independent=False)
    assert not replace(good, p_holm=ALPHA).significant(True)
    assert not replace(good, interval=Interval(-0.01, 0.2)).significant(True)
    assert not replace(good, interval=Interval(0.0, 0.2)).significant(True)


def test_training_uncertainty_is_told_where_there_are_seeds(four, labels):
    table = pairwise_table(study_of(four, labels)).set_index(["run_a", "run_b"])["seed_std"]
    spread = {}
    for run in four:
        values = [each["test"].value for each in run.accuracies]
        spread[run.name] = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0
    assert table["net", "svm"] == pytest.approx(spread["net"])
    assert table["net", "mixed"] == pytest.approx(np.hypot(spread["net"], spread["mixed"]))
    assert np.isnan(table["svm", "poor"])


def test_with_folds_tests_and_intervals_are_corrected(four, labels):
    folds = np.arange(len(labels.test)) % 5
    plain = pairwise_table(study_of(four, labels))
    table = pairwise_table(study_of(four, replace(labels, folds=folds)))
    shares = [run.share_right(labels) for run in four]
    pairs = itertools.combinations(range(4), 2)
    corrected = [fold_mean(shares[i] - shares[j], folds) for i, j in pairs]
    expected = np.maximum(plain["p_value"], [each.p_value for each in corrected])
    assert table["p_value"].to_numpy() == pytest.approx(expected.to_numpy())
    assert (table["p_value"] > plain["p_value"]).any()
    for row, before, each in zip(table.itertuples(), plain.itertuples(), corrected, strict=True):
        assert row.ci_low == min(before.ci_low, each.interval().low)
        assert row.ci_high == max(before.ci_high, each.interval().high)
    assert table["difference"].equals(plain["difference"])


def test_one_run_has_no_pair(four, labels):
    table = pairwise_table(study_of(four[:1], labels))
    assert tuple(table) == PAIRWISE.names
    assert table.empty


def test_the_table_of_agreement_has_the_same_pairs(four, labels):
    study = study_of(four, labels)
    table, pairs = agreement_table(study), pairwise_table(study)
    assert tuple(table) == AGREEMENT.names
    assert table[["run_a", "run_b"]].equals(pairs[["run_a", "run_b"]])
    one, other = (run.predicted[0]["test"] == labels.test for run in four[:2])
    assert table["both_right"].iloc[0] == (one & other).mean()
    assert table["oracle"].iloc[0] == (one | other).mean()


def test_shares_right_are_means_over_seeds(four, labels):
    shares = four[0].share_right(labels)
    assert set(np.round(shares * 3)) <= {0, 1, 2, 3}
    assert shares.mean() == pytest.approx(four[0].accuracy("test").value)


def test_of_equal_runs_hardly_a_study_finds_a_difference(rng):
    """Five runs that are equally good, ten pairs: unadjusted, most studies would find one."""
    found = []
    for study in range(12):
        labels = made_up_labels(rng, 150)
        runs = [made_up_run(f"run {k}", labels, 0.6, rng) for k in range(5)]
        pairs = pair_runs(runs, labels, study, resamples=200)
        found.append(
            (
                any(pair.significant(True) for pair in pairs),
                any(pair.counts.p_value < 0.05 for pair in pairs),
            )
        )
    holding, unadjusted = np.sum(found, axis=0)
    assert holding <= 2
    assert unadjusted > holding


def test_forty_runs_and_hundred_classes(rng):
    labels = made_up_labels(rng, 200, 100)
    runs = [made_up_run(f"run {k}", labels, k / 40, rng) for k in range(40)]
    start = time.perf_counter()
    assert len(pairwise_table(study_of(runs, labels))) == 780
    assert time.perf_counter() - start < 30
