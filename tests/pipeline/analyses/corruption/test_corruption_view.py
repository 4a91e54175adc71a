"""What is said of corrupted images."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.analyses.corruption.table import TABLES
from pipeline.analyses.corruption.view import view
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results

COMPARISON = {
    "deep": "net", "classical": "svm", "independent_images": True, "n": 250, "deep_drop": 0.13,
    "classical_drop": 0.17, "difference": -0.04, "ci_low": -0.067, "ci_high": -0.012,
}  # fmt: skip
RUNS = (("net", "deep", 250, 0.9), ("svm", "classical", 1000, 0.8))


def study(comparison=None, missing=None, runs=RUNS, lost=0.1):
    rows = [
        (run, family, corruption, severity, accuracy, accuracy - 0.02, accuracy + 0.02, n)
        for run, family, n, clean in runs
        for corruption, severity, accuracy in (
            ("none", 0, clean), ("fog", 1, clean - lost), ("fog", 2, clean - 2 * lost)
        )
    ]  # fmt: skip
    drops = {"net": {"drop_ci_low": 0.11, "drop_ci_high": 0.19}}
    summary = {"runs": drops, "comparison": comparison, "missing": missing or {}}
    tables = {
        "accuracy": pd.DataFrame({"run": [run for run, *_ in runs]}),
        "corruption": pd.DataFrame(rows, columns=list(TABLES[0].names)),
    }
    return view(StudyResults(Results(tables, {}, {"corruption": summary})))


def test_means_intervals_and_images_of_each_run():
    found = study()
    net, svm = found.means
    assert (net["n"], net["lost_low"], net["lost_high"]) == (250, 0.11, 0.19)
    assert (svm["clean"], svm["mean"], svm["lost"]) == pytest.approx((0.8, 0.65, 0.15))
    assert found.images == "1,000 test images (net 250 of them)"
    assert found.comparison is None


@pytest.mark.parametrize(
    ("change", "end"),
    [
        ({}, "the classical run loses 4.0 points more (95% interval 1.2 to 6.7)."),
        (
            {"ci_high": 0.01},
            "difference is not significant (95% interval −6.7 to 1.0 points).",
        ),
        (
            {"difference": 0.03, "ci_low": 0.01, "ci_high": 0.05},
            "the network loses 3.0 points more (95% interval 1.0 to 5.0).",
        ),
        (
            {"independent_images": False},
            "not independent samples; the comparison is illustrative only.",
        ),
    ],
)
def test_whether_hand_made_features_hold_up(change, end):
    text = study(COMPARISON | change).comparison
    assert text.startswith("On the same 250 images, svm, the best classical run here, loses")
    assert text.endswith(end)


def test_nobody_is_said_to_stand_out_who_does_not():
    assert study().sentence.startswith("On corrupted images, net is the most accurate, with 75.0")
    level = (RUNS[0], ("svm", "classical", 1000, 0.9))
    both = "net and svm both reach 75.0% on average, down from 90.0% without"
    for runs, start in ((level, both), (RUNS[:1], "net reaches 75.0")):
        text = study(runs=runs).sentence
        assert text.startswith(f"On corrupted images, {start}")
        assert "most accurate" not in text
        assert "loses the least" not in text


def test_corruption_that_does_no_harm_is_not_said_to_do_it():
    assert study().sentence.endswith("The most harmful corruption is fog.")
    text = study(lost=0.0).sentence
    assert text.endswith("No corruption lowers the mean accuracy of the runs.")
    assert "harmful" not in text


def test_what_is_not_made_is_named():
    assert study(missing={"glass_blur": "slow"}).missing == [("glass blur", "slow")]
