"""Runs on corrupted images: counted by hand, and against another bootstrap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap
from statsmodels.stats.proportion import proportion_confint

from pipeline.analyses.corrupted_runs import CorruptedRun
from pipeline.analyses.corruption.robustness import (
    corruption_summary,
    drops_compared,
    robustness,
)
from pipeline.analyses.corruption.table import TABLES, corruption_table

NAMES, LEVELS = ("fog", "contrast"), (1, 3, 5)


def measured(name="svm", family="classical", n=200, clean=0.9, skill=0.5, seed=0, first=0):
    rng = np.random.default_rng(seed)
    return CorruptedRun(
        name=name,
        family=family,
        seed=0,
        corruptions=NAMES,
        severities=LEVELS,
        missing={"frost": "no photographs"},
        ids=np.arange(first, first + n),
        clean=rng.random(n) < clean,
        right=rng.random((2, 3, n)) < skill,
    )


def test_table_of_accuracies_with_wilson_intervals():
    run = measured(n=50)
    table = corruption_table([run])
    assert tuple(table) == TABLES[0].names
    assert table[["corruption", "severity"]].values.tolist() == [
        ["none", 0], *([name, level] for name in NAMES for level in LEVELS),
    ]  # fmt: skip
    assert table["accuracy"][0] == run.clean.sum() / 50
    row = table.set_index(["corruption", "severity"]).loc[("contrast", 3)]
    right = int(run.right[1, 1].sum())
    assert (row["accuracy"], row["n"], row["run"]) == (right / 50, 50, "svm")
    low, high = proportion_confint(right, 50, method="wilson")
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(low), pytest.approx(high))


def test_nothing_corrupted_is_an_empty_table():
    assert tuple(corruption_table([])) == TABLES[0].names
    assert corruption_table([]).empty
    found = corruption_summary([], 0, True)
    assert (found["runs"], found["comparison"], found["missing"]) == ({}, None, {})


def test_means_and_intervals_against_scipy():
    run = measured(n=300)
    found = robustness(run, seed=0)
    share = run.right.reshape(6, -1).mean(axis=0)
    assert found.corrupted == pytest.approx(run.right.mean())
    assert found.drop == pytest.approx(run.clean.mean() - run.right.mean())
    assert found.relative_drop == pytest.approx(1 - run.right.mean() / run.clean.mean())
    options = {"method": "percentile", "n_resamples": 20_000, "rng": 1, "batch": 500}
    for values, interval in (
        (share, found.corrupted_interval),
        (run.clean - share, found.drop_interval),
    ):
        expected = bootstrap((values,), np.mean, **options).confidence_interval
        assert interval.low == pytest.approx(expected.low, abs=0.004)
        assert interval.high == pytest.approx(expected.high, abs=0.004)
    assert robustness(run, seed=0) == found


def test_an_image_and_all_made_of_it_stay_together():
    """Six corruptions that an image fares alike under are no six images."""
    rng = np.random.default_rng(0)
    alike = np.tile(rng.random(200) < 0.5, (2, 3, 1))
    run = replace(measured(n=200), right=alike)
    interval = robustness(run, 0).corrupted_interval
    width = 2 * 1.96 * np.sqrt(0.25 / 200)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_nothing_right_has_no_relative_drop():
    run = replace(measured(n=20), clean=np.zeros(20, bool), right=np.zeros((2, 3, 20), bool))
    assert robustness(run, 0).relative_drop is None
    assert robustness(run, 0).drop == 0


def test_the_best_of_two_families_are_compared():
    net = measured("net", "deep", clean=0.9, skill=0.3)
    worse = measured("worse_net", "deep", clean=0.9, skill=0.9)
    svm = measured("svm", "classical", clean=0.7, skill=0.5, seed=1)
    found = drops_compared([net, worse, svm], 0, True)
    assert (found["deep"], found["classical"], found["n"]) == ("net", "svm", 200)
    assert found["deep_drop"] == pytest.approx(net.clean.mean() - net.right.mean())
    assert found["classical_drop"] == pytest.approx(svm.clean.mean() - svm.right.mean())
    assert found["difference"] == pytest.approx(found["deep_drop"] - found["classical_drop"])
    each = (net.clean - net.right.mean((0, 1))) - (svm.clean - svm.right.mean((0, 1)))
    spread = 1.96 * each.std() / np.sqrt(200)
    assert found["ci_low"] == pytest.approx(found["difference"] - spread, abs=0.01)
    assert found["ci_high"] == pytest.approx(found["difference"] + spread, abs=0.01)
    assert found["ci_low"] > 0, "the network falls further"
    assert drops_compared([net, worse], 0, True) is None
    assert drops_compared([svm], 0, True) is None


def test_only_what_both_have_is_compared():
    net = measured("net", "deep", n=100)
    net = replace(net, severities=(3, 1), right=net.right[:, [1, 0]])
    svm = measured("svm", n=150, first=40)
    svm = replace(svm, corruptions=("contrast",), right=svm.right[1:])
    found = drops_compared([svm, net], 0, True)
    assert (found["n"], found["corruptions"], found["severities"]) == (60, ["contrast"], [1, 3])
    deep = net.clean[40:].mean() - net.right[1][:, 40:].mean()
    classical = svm.clean[:60].mean() - svm.right[0, :2, :60].mean()
    assert found["deep_drop"] == pytest.approx(deep)
    assert found["classical_drop"] == pytest.approx(classical)
    apart = replace(svm, ids=svm.ids + 1000)
    assert drops_compared([apart, net], 0, True) is None


def test_summary_tells_what_is_missing():
    found = corruption_summary([measured("net", "deep"), measured("svm")], 0, False)
    assert set(found["runs"]) == {"net", "svm"}
    assert found["missing"] == {"frost": "no photographs"}
    assert found["comparison"]["independent_images"] is False
    numbers = found["runs"]["svm"]
    assert numbers["clean_accuracy"] - numbers["corrupted_accuracy"] == pytest.approx(
        numbers["drop"]
    )
    assert numbers["drop_ci_low"] < numbers["drop"] < numbers["drop_ci_high"]
