"""What is said below the headline: leaks, and runs that are not better than a constant guess."""

from __future__ import annotations

import copy

import pytest

from pipeline.analyses.mistakes.view import view as mistakes
from pipeline.analyses.overfitting.gaps import gaps
from pipeline.page.study import StudyResults
from pipeline.page.summary import headline, summary
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import Wanted, made_up, verdict_of

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.7))


@pytest.fixture(scope="module")
def balanced():
    return made_up(RUNS)[0]


def rare(never: tuple[str, ...], accuracy: float = 0.98) -> Results:
    """Two runs on 98% cats and 2% dogs; those of `never` predict no dog."""
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
    study = copy.deepcopy(results.study)
    study["majority"] |= {
        "classes": ["cat"],
        "test_accuracy": 0.98,
        "test_ci_low": 0.961,
        "test_ci_high": 0.990,
    }
    return Results(tables, results.metrics, study)


def plain(texts) -> str:
    return " ".join(texts)


def test_a_study_without_fault_has_none(balanced):
    assert verdict_of(balanced).cautions == ()
    assert StudyResults(balanced).majority.share == 0.1
    assert (
        StudyResults(balanced).majority.phrase == "always predicting one of the most common classes"
    )


@pytest.mark.tried(
    "Classes",
    "980 images of a class and 20 of another, and runs that never name the rare one",
    "the verdict says that no run is better than naming the common class, and which recall is 0",
)
def test_runs_that_name_the_common_class_alone():
    results = rare(never=("svm", "net"))
    text = plain(verdict_of(results).cautions)
    assert (
        "No run is shown to be better than always predicting cat, the most common class: the 95% "
        "interval of the accuracy does not lie above 98.0%."
    ) in text
    assert "never recognized (recall 0): dog by svm (8 test images); dog by net (8 test" in text
    for each in gaps(StudyResults(results)):
        assert each.meaning == (
            "It is not shown to be better on new images than always predicting cat, the most "
            "common class (98.0%)."
        )
    assert "almost as well as its training images" not in summary(StudyResults(results))
    found = verdict_of(results)
    assert "(98.0% of them in the most common class)" in found.headline
    # No label is suspected because runs that never name its class agree on another one.
    kinds = dict.fromkeys(("hardest", "label_suspect"))
    errors = results.tables["errors"].iloc[:2].assign(kind=list(kinds), actual="dog", rank=1)
    tables = {**results.tables, "errors": errors}
    found = mistakes(StudyResults(Results(tables, results.metrics, results.study)))
    assert [title for title, *_ in found.kinds] == ["Hardest for all runs"]


def test_one_run_of_two_is_no_better():
    results = rare(never=("svm",))
    text = plain(verdict_of(results).cautions)
    assert "svm is not shown to be better than always predicting cat, the most common class" in text
    assert [
        (each.run, each.class_name, each.n) for each in StudyResults(results).never_recognized
    ] == [("svm", "dog", 8)]
    assert "by net" not in text
    by_run = {each.run: each.meaning for each in gaps(StudyResults(results))}
    assert by_run["net"] == "It classifies new images almost as well as its training images."


def test_images_that_are_not_independent_samples_are_judged_without_an_interval():
    results = rare(never=("svm", "net"), accuracy=0.985)
    assert "No run is shown to be better" in plain(verdict_of(results).cautions)
    study = copy.deepcopy(results.study)
    study["dataset"]["independent"] = False
    dependent = Results(results.tables, results.metrics, study)
    assert "No run is shown to be better" not in plain(verdict_of(dependent).cautions)


def test_classes_without_a_test_image_are_not_said_to_be_missed():
    results = rare(never=("svm",))
    table = results.tables["per_class"]
    table.loc[table["class"] == "dog", "support"] = 0
    assert StudyResults(results).never_recognized == ()


def test_of_many_classes_some_are_named():
    results = made_up(RUNS, tuple(f"c{i}" for i in range(20)))[0]
    results.tables["per_class"]["recall"] = 0.0
    text = plain(verdict_of(results).cautions)
    assert text.count("test images)") == 4
    assert "; and 36 more in per_class.csv." in text


def test_results_without_a_record_of_the_baseline_take_it_from_the_test_images():
    results = rare(never=())
    del results.study["majority"]
    del results.study["chosen_by"]
    study = StudyResults(results)
    assert (study.majority.names, study.majority.share) == (("cat",), 0.98)
    assert study.chosen_by == "accuracy"
    (row,) = [line for line in headline(results).splitlines() if "*always predicting cat" in line]
    assert "| 98.0% | – |" in row


def test_the_most_common_class_stands_in_every_table():
    results = rare(never=())
    for text in (summary(StudyResults(results)), headline(results)):
        rows = [line for line in text.splitlines() if line.startswith("| *always predicting cat")]
        (row,) = rows
        assert "| 98.0% | 96.1 to 99.0 |" in row
        head = next(line for line in text.splitlines() if line.lower().startswith("| run |"))
        assert row.count("|") == head.count("|")
