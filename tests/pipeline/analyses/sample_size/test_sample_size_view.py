"""What is said of sample sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.sample_size.table import TABLES
from pipeline.analyses.sample_size.view import SampleSize, view
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results

SIZES = (100, 1000, 45_000)
CROSSING = {
    "run": "net", "family": "deep", "against": "svm", "chosen": "best deep", "images": 1234.0,
    "ci_low": 870.0, "ci_high": 1960.0, "never": 0.0, "always": 0.0, "several": 0.0,
}  # fmt: skip
FORM = {
    "run": "net", "family": "deep", "form": "power law", "images": 45_000, "error": 0.21,
    "fitted_error": 0.208, "slope": -0.03, "gain": 0.024, "gain_low": 0.02, "gain_high": 0.031,
    "missed": 0.002, "fits": True, "ill_behaved": "",
}  # fmt: skip
HOW = {
    "sizes": list(SIZES), "draws": 5, "steps": {"net": 500}, "resamples": 4000, "tuned": ["svm"],
    "changes": {}, "refitted": [], "pretrained": [],
}  # fmt: skip


def shown(
    crossing: dict[str, Any] | None = None,
    forms: tuple[dict[str, Any], ...] = (FORM,),
    independent: bool = True,
    diverged: int = 0,
    **how: Any,
) -> SampleSize:
    rows = [
        (run, family, size, 5, 0.5, 0.45, 0.55, 0.01, 0.5, 2.0, 0.0, 500, 1, diverged)
        for run, family in (("net", "deep"), ("svm", "classical"))
        for size in SIZES
    ]
    made = (rows, [CROSSING | (crossing or {})], [dict(form) for form in forms])
    tables = {
        table.name: pd.DataFrame(each, columns=list(table.names))
        for table, each in zip(TABLES, made, strict=True)
    }
    dataset = {
        "sizes": {"train": 45_000, "validation": 5000, "test": 10_000},
        "independent": independent,
    }
    found = view(StudyResults(Results(tables, {}, {"sample_size": HOW | how, "dataset": dataset})))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("crossing", "sentence"),
    [
        (
            {},
            "From about 1,200 training images on, the best network, net, is ahead of the best "
            "classical run, svm (95% interval 870 to 2,000).",
        ),
        (
            {"chosen": "best deep from scratch"},
            "From about 1,200 training images on, the best network without pretrained weights, "
            "net, is ahead of the best classical run, svm (95% interval 870 to 2,000).",
        ),
        (
            {"ci_low": 0.0, "ci_high": np.inf, "never": 0.1, "always": 0.03},
            "(95% interval below 100 to above 45,000). In 10.0% of the resamples it never is.",
        ),
        (
            {"images": np.inf, "ci_low": np.inf, "ci_high": np.inf, "never": 1.0},
            "Up to 45,000 training images, the best network, net, does not overtake the best "
            "classical run, svm (in all of the resamples).",
        ),
        (
            {"images": np.inf, "ci_low": 8000.0, "ci_high": np.inf, "never": 0.8},
            "(in 80.0% of the resamples). With so few draws and test images, this is not certain.",
        ),
        (
            {"images": 0.0, "ci_low": 0.0, "ci_high": 0.0, "always": 0.99},
            "At all sizes, from 100 training images on, the best network, net, is ahead of the "
            "best classical run, svm (in 99.0% of the resamples).",
        ),
        (
            {"images": 0.0, "ci_low": 0.0, "ci_high": 310.0, "always": 0.7},
            "(in 70.0% of the resamples). It may fall behind at some: the interval ends at 310 "
            "images.",
        ),
    ],
)
def test_the_answer(crossing, sentence):
    (found,) = shown(crossing).brief
    assert sentence in found
    assert "illustrative" in shown(crossing, independent=False).brief[0]


def test_other_runs_are_not_below_the_headline():
    found = shown({"chosen": ""})
    assert found.brief == ()
    assert found.others[0].startswith("From about 1,200 training images on, net is ahead of")


@pytest.mark.parametrize(
    ("forms", "sentence"),
    [
        (
            (FORM, FORM | {"form": "exponential", "gain": 0.01}, FORM | {"gain": 9, "fits": False}),
            "net: error 21.0% with 45,000 images, 3.0 points less per doubling there (power law). "
            "Twice as many would lower it by about 2.4 points (95% interval 2.0 to 3.1; 1.0 to 2.4 "
            "over the 2 forms that fit).",
        ),
        ((FORM,), "(95% interval 2.0 to 3.1)."),
        (
            (FORM | {"ill_behaved": "rises from 100 to 1,000 images"},),
            "net: error 21.0% with 45,000 images. Not extrapolated, because the error rises from "
            "100 to 1,000 images.",
        ),
        (
            (FORM | {"fits": False, "missed": -0.031},),
            "Not extrapolated, because no form predicts the largest size from the others; the "
            "power law comes closest and misses it by 3.1 points.",
        ),
    ],
)
def test_what_twice_as_many_would_give(forms, sentence):
    assert sentence in shown(forms=forms).doublings[0]


def test_how_runs_were_trained():
    text = " ".join(shown().conditions)
    assert "trained 5 times at each size" in text
    assert "Options of svm were tuned for each training; those of net are the same" in text
    assert "Networks take at least this many optimizer steps: 500 (net)." in text
    assert "the same 5,000 validation images" in text
    assert "All 45,000 images are the same in each draw" in text
    assert "diverged" not in text
    assert "6 trainings diverged" in " ".join(shown(diverged=1).conditions)
    text = " ".join(
        shown(
            tuned=[], changes={"net": {"epochs": 3}}, refitted=["patches"], steps={"net": None}
        ).conditions
    )
    options = (
        "Options are the same at all sizes. Options that differ from the rest of the study: net: "
        "epochs: 3."
    )
    assert options in text
    assert "The feature set patches learned from the images of each training alone." in text
    assert "steps" not in text


def test_results_without_sample_sizes_have_no_section():
    assert view(StudyResults(Results({}, {}, {}))) is None
