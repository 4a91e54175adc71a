"""What is said of calibration."""

from __future__ import annotations

import pytest

from pipeline.analyses.calibration.view import view
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import Wanted, made_up

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8), Wanted("mix", "hybrid", 0.9))


@pytest.fixture(scope="module")
def three():
    return made_up(RUNS)[0]


def with_tables(results, **tables):
    return StudyResults(Results({**results.tables, **tables}, results.metrics, results.study))


@pytest.mark.parametrize(
    ("confidence", "accuracy", "said"),
    [
        (0.9, 0.6, ", and overconfident (mean confidence 90.0%, accuracy 60.0%)"),
        (0.5, 0.6, ", and underconfident (mean confidence 50.0%, accuracy 60.0%)"),
        (0.6, 0.6, ""),
    ],
)
def test_overconfidence_is_judged_by_the_test_images_and_not_by_a_temperature(
    three, confidence, accuracy, said
):
    table = (
        three.tables["calibration"]
        .iloc[:1]
        .assign(ece_before=0.1, confidence_before=confidence, temperature=2.0)
    )
    bins = (
        three.tables["reliability"]
        .iloc[:1]
        .assign(run=table["run"].iloc[0], stage="before", n=100, accuracy=accuracy)
    )
    found = view(with_tables(three, calibration=table, reliability=bins))
    text = found.sentence
    assert text == f"The confidence of {table['run'].iloc[0]} is off by 10.0 points{said}."


def test_runs_that_are_off_by_as_much_have_no_nearest(three):
    table = three.tables["calibration"].assign(ece_before=0.1, ece_after=0.2)
    text = view(with_tables(three, calibration=table)).sentence
    assert text.startswith("Confidence is off by 10.0 points in every run. Temperature scaling")
    assert "improves 0 of 3 runs" in text
