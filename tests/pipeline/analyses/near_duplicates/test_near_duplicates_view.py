"""What is said of test images with a near-duplicate in train or validation."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.analyses.near_duplicates.view import view
from pipeline.page.study import StudyResults
from pipeline.page.summary import headline, summary
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import NORMAL, Wanted, columns, made_up, verdict_of

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.7))


@pytest.fixture(scope="module")
def balanced():
    return made_up(RUNS)[0]


def sentence(results) -> str:
    return view(StudyResults(results)).sentence


def with_pairs(results, exact=0, alike=0, unique=None, record=None) -> Results:
    """Replace the near-duplicates, and the accuracies without them."""
    kinds = ["exact"] * exact + ["alike"] * alike
    rows = [(i, i, "train", kind, False, 0.9, "cat", "cat") for i, kind in enumerate(kinds)]
    accuracy = results.tables["accuracy"].copy()
    accuracy["test_accuracy_unique"] = accuracy["test_accuracy"] + (unique or 0.0)
    if unique is None:
        accuracy["test_accuracy_unique"] = float("nan")
    pairs = pd.DataFrame(rows, columns=columns("near_duplicates"))
    tables = {**results.tables, "accuracy": accuracy, "near_duplicates": pairs}
    study = results.study if record is None else {**results.study, "duplicates": record}
    return Results(tables, results.metrics, study)


@pytest.mark.parametrize(
    ("exact", "alike", "unique", "said"),
    [
        (4, 0, -0.02, None),  # one in a hundred is not more than one in a hundred
        (5, 0, 0.0, "5 of 400 test images (1.2%) are exact copies of images in train or "
         "validation. Without them, no accuracy changes by more than 0.0 points"),
        (5, 30, -0.02, "and 30 more look like one. Without them, the accuracy of"),
        (0, 30, -0.001, None),  # they change nothing
        (0, 30, -0.02, "30 of 400 test images (7.5%) look like an image in train or"),
        (400, 0, None, "400 of 400 test images (100.0%) are exact copies of images in train "
         "or validation. Without them, no test image is left."),
    ],
)  # fmt: skip
def test_a_leak_is_a_caution(balanced, exact, alike, unique, said):
    results = with_pairs(balanced, exact, alike, unique)
    text = " ".join(verdict_of(results).cautions)
    assert (text == "") == (said is None)
    assert (said or "") in text
    for report in (summary(StudyResults(results)), headline(results)):
        assert ("\n> " in report) == (said is not None)


CHECK = {"similarity": 0.85, "images": 419, "alike": 324, "nearly": 95, "test_alike": 97}
QUIET = {"exact": 0, "alike": 0, "not_claimed": None, "check": CHECK, "conflicts": {"n": 0}}


def test_where_likeness_tells_nothing_no_number_of_look_alikes_is_claimed(balanced):
    results = with_pairs(balanced, record=QUIET | {"not_claimed": "within_train"})
    text = sentence(results)
    assert text.startswith(
        "None of 400 test images is an exact copy of an image in train or validation."
    )
    assert "near-duplicate" not in text
    assert "Near-duplicates cannot be identified by similarity" in text
    assert "so do 324 of 419 training images among themselves, and 95 almost" in text
    assert "Without them" not in text
    assert verdict_of(results).cautions == ()
    between = sentence(with_pairs(balanced, record=QUIET | {"not_claimed": "between_classes"}))
    assert "at least half of these pairs join two classes" in between
    nothing = QUIET | {"not_claimed": "within_train", "check": CHECK | {"images": 0}}
    assert "every training image has an exact copy" in sentence(
        with_pairs(balanced, record=nothing)
    )


def test_none_is_said_where_it_was_looked_for(balanced):
    text = sentence(with_pairs(balanced, record=QUIET, unique=0.0))
    assert text == "None of 400 test images has a near-duplicate in train or validation."


def test_copies_with_two_labels_are_named_on_the_page_and_in_the_summary(balanced):
    pair = {"images": ["cat/a.png", "dog/b.png"], "classes": ["cat", "dog"]}
    record = QUIET | {"conflicts": {"n": 1, "named": [pair]}}
    results = with_pairs(balanced, record=record, unique=0.0)
    found = view(StudyResults(results))
    assert found.conflicts.startswith(
        "1 image of the training and validation splits is an exact copy of an earlier one"
    )
    assert found.named == [pair]
    assert "cat/a.png and dog/b.png (cat and dog)." in summary(StudyResults(results))
    assert view(StudyResults(balanced)).conflicts == ""


def test_results_of_before_these_were_told_have_look_alikes_alone():
    results = made_up(NORMAL, corrupted=("lenet5",))[0]
    del results.study["duplicates"]
    assert sentence(results).startswith("1 of 400 test images (0.2%) is an exact copy")
    assert view(StudyResults(results)).conflicts == ""
