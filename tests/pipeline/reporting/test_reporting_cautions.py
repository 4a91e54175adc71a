"""What stands beside the headline: leaks, and runs that know no more than the most common class."""

from __future__ import annotations

import copy

import pandas as pd
import pytest
from synthetic_study import NORMAL, Wanted, made_up

from pipeline.analyses.near_duplicates import table as near_duplicates_table
from pipeline.reporting.cautions import cautions
from pipeline.reporting.duplicates import conflicts, near_duplicates
from pipeline.reporting.gaps import gaps
from pipeline.reporting.majority import majority, never_right
from pipeline.reporting.mistakes import hard_images
from pipeline.reporting.summary import headline, summary
from pipeline.reporting.verdict import verdict
from pipeline.storage.results import Results

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.7))


@pytest.fixture(scope="module")
def balanced():
    return made_up(RUNS)[0]


def rare(never: tuple[str, ...], accuracy: float = 0.98) -> Results:
    """Two runs on 98 % cats and 2 % dogs; those of `never` name no dog."""
    results = made_up(RUNS, ("cat", "dog"))[0]
    tables = {name: table.copy() for name, table in results.tables.items()}
    tables["per_class"]["support"] = tables["per_class"]["class"].map({"cat": 392, "dog": 8})
    dogs = tables["per_class"]["class"] == "dog"
    blind = dogs & tables["per_class"]["run"].isin(never)
    tables["per_class"].loc[dogs, "recall"] = 0.5
    tables["per_class"].loc[blind, "recall"] = 0.0
    known = tables["accuracy"]["run"].isin(never)
    for column, shift in (("train_accuracy", 0.0), ("test_accuracy", 0.0), ("test_ci_low", -0.01),
                          ("test_ci_high", 0.01)):  # fmt: skip
        tables["accuracy"][column] = accuracy + shift
        tables["accuracy"].loc[~known, column] = 0.995 + shift / 10
    return Results(tables, results.metrics, results.study)


def plain(texts) -> str:
    return " ".join(texts).replace("\u202f", " ")


def test_a_study_without_fault_has_none(balanced):
    assert cautions(balanced) == ()
    assert majority(balanced).share == 0.1
    assert majority(balanced).words == "always naming one of the most common classes"


@pytest.mark.tried(
    "Classes",
    "980 images of a class and 20 of another, and runs that never name the rare one",
    "the verdict says that no run is better than naming the common class, and which recall is 0",
)
def test_runs_that_name_the_common_class_alone():
    results = rare(never=("svm", "net"))
    text = plain(cautions(results))
    assert (
        "No run is better than always naming cat, the most common class (the 95 % interval of an "
        "accuracy would have to lie above 98.0 %)."
    ) in text
    assert "never recognized (recall 0): dog by svm (8 test images); dog by net (8 test" in text
    for each in gaps(results):
        assert each.meaning == (
            "It is not shown to be better on new images than always naming cat, the most common "
            "class (98.0\u202f%)."
        )
    assert "holds on new images" not in summary(results)
    found = verdict(results)
    assert "(98.0\u202f% are of the most common class)" in found.headline
    # No label is suspected because runs that never name its class agree on another one.
    kinds = dict.fromkeys(("hardest", "label_suspect"))
    errors = results.tables["errors"].iloc[:2].assign(kind=list(kinds), actual="dog", rank=1)
    tables = {**results.tables, "errors": errors}
    titles = [each[0] for each in hard_images(Results(tables, results.metrics, results.study))]
    assert titles == ["Hardest images"]


def test_one_run_of_two_is_no_better():
    results = rare(never=("svm",))
    text = plain(cautions(results))
    assert "Not every run is better than always naming cat, the most common class: svm is" in text
    assert [(each.run, each.class_name, each.n) for each in never_right(results)] == [
        ("svm", "dog", 8)
    ]
    assert "by net" not in text
    by_run = {each.run: each.meaning for each in gaps(results)}
    assert by_run["net"] == "It gets new images right nearly as often as those it has learnt from."


def test_images_that_are_no_independent_draws_are_judged_without_an_interval():
    results = rare(never=("svm", "net"), accuracy=0.985)
    assert "No run is better" in plain(cautions(results))
    study = copy.deepcopy(results.study)
    study["dataset"]["independent"] = False
    dependent = Results(results.tables, results.metrics, study)
    assert "No run is better" not in plain(cautions(dependent))


def test_classes_without_a_test_image_are_not_said_to_be_missed():
    results = rare(never=("svm",))
    table = results.tables["per_class"]
    table.loc[table["class"] == "dog", "support"] = 0
    assert never_right(results) == []


def test_of_many_classes_some_are_named():
    results = made_up(RUNS, tuple(f"c{i}" for i in range(20)))[0]
    results.tables["per_class"]["recall"] = 0.0
    text = plain(cautions(results))
    assert text.count("test images)") == 4
    assert "; and 36 more in per_class.csv." in text


def test_the_most_common_class_stands_in_every_table():
    results = rare(never=())
    for text in (summary(results), headline(results)):
        rows = [line for line in text.splitlines() if line.startswith("| *always naming cat")]
        (row,) = rows
        assert "| 98.0\u202f% |" in row
        head = next(line for line in text.splitlines() if line.startswith("| run |"))
        assert row.count("|") == head.count("|")


def with_pairs(results, exact=0, alike=0, unique=None, record=None) -> Results:
    """Replace the near-duplicates, and the accuracies without them."""
    kinds = ["exact"] * exact + ["alike"] * alike
    rows = [(i, i, "train", kind, False, 0.9, "cat", "cat") for i, kind in enumerate(kinds)]
    accuracy = results.tables["accuracy"].copy()
    accuracy["test_accuracy_unique"] = accuracy["test_accuracy"] + (unique or 0.0)
    if unique is None:
        accuracy["test_accuracy_unique"] = float("nan")
    pairs = pd.DataFrame(rows, columns=list(near_duplicates_table.TABLES[0].names))
    tables = {**results.tables, "accuracy": accuracy, "near_duplicates": pairs}
    study = results.study if record is None else {**results.study, "duplicates": record}
    return Results(tables, results.metrics, study)


@pytest.mark.parametrize(
    ("exact", "alike", "unique", "said"),
    [
        (4, 0, -0.02, None),  # one in a hundred is not more than one in a hundred
        (5, 0, 0.0, "5 of 400 test images (1.2 %) are exact copies of images of the training or "
         "validation split. Without them no accuracy changes by more than 0.0 points"),
        (5, 30, -0.02, "and 30 more look like one. Without them the accuracy of"),
        (0, 30, -0.001, None),  # they change nothing
        (0, 30, -0.02, "30 of 400 test images (7.5 %) look like an image of the training"),
        (400, 0, None, "400 of 400 test images (100.0 %) are exact copies of images of the "
         "training or validation split. No test image is left without them."),
    ],
)  # fmt: skip
def test_a_leak_stands_in_the_verdict(balanced, exact, alike, unique, said):
    results = with_pairs(balanced, exact, alike, unique)
    text = plain(cautions(results))
    assert (text == "") == (said is None)
    assert (said or "") in text
    for report in (summary(results), headline(results)):
        assert ("\n> " in report) == (said is not None)


CHECK = {"similarity": 0.85, "images": 419, "alike": 324, "nearly": 95, "test_alike": 97}
QUIET = {"exact": 0, "alike": 0, "not_claimed": None, "check": CHECK, "conflicts": {"n": 0}}


def test_where_likeness_tells_nothing_no_number_of_look_alikes_is_claimed(balanced):
    results = with_pairs(balanced, record=QUIET | {"not_claimed": "within_train"})
    text = near_duplicates(results)
    assert text.startswith("None of the 400 test images is an exact copy of an image of the")
    assert "none looks like one" not in text
    assert "cannot be told by their looks" in text
    assert "of 419 training images 324 look as much alike, and 95 nearly as much" in text
    assert "Without them" not in text
    assert cautions(results) == ()
    between = near_duplicates(
        with_pairs(balanced, record=QUIET | {"not_claimed": "between_classes"})
    )
    assert "at least half of these pairs join two classes" in between
    nothing = QUIET | {"not_claimed": "within_train", "check": CHECK | {"images": 0}}
    assert "every training image has a copy" in near_duplicates(
        with_pairs(balanced, record=nothing)
    )


def test_none_is_said_where_it_was_looked_for(balanced):
    text = near_duplicates(with_pairs(balanced, record=QUIET, unique=0.0))
    assert text.endswith("of the training or validation split, and none looks like one.")


def test_copies_with_two_labels_are_named_on_the_page_and_in_the_summary(balanced):
    pair = {"images": ["cat/a.png", "dog/b.png"], "classes": ["cat", "dog"]}
    record = QUIET | {"conflicts": {"n": 1, "named": [pair]}}
    results = with_pairs(balanced, record=record, unique=0.0)
    text, named = conflicts(results)
    assert text.startswith("1 image of the training and validation splits repeats an earlier one")
    assert named == [pair]
    assert "cat/a.png and dog/b.png (cat and dog)." in summary(results)
    assert conflicts(balanced) is None


def test_results_of_before_these_were_told_have_look_alikes_alone():
    results = made_up(NORMAL, corrupted=("lenet5",))[0]
    del results.study["duplicates"]
    assert near_duplicates(results).startswith("1 of 400 test images (0.2\u202f%) is an exact copy")
    assert conflicts(results) is None
