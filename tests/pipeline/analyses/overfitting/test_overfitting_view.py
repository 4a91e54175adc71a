"""What the gap between training and test accuracy is said to mean, by the stated rule."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.analyses.overfitting import gaps as gaps_module
from pipeline.analyses.overfitting import view as module
from pipeline.analyses.overfitting.chart import draw
from pipeline.analyses.overfitting.gaps import LARGE, RULE, Gap
from pipeline.analyses.overfitting.view import compared, view
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import NORMAL, Wanted, made_up


def gaps(results):
    return module.gaps(StudyResults(results))


def gap_sentences(results):
    return module.sentences(StudyResults(results))


def color_and_hog(results):
    return module.color_and_hog(StudyResults(results))


@pytest.fixture(scope="module")
def normal():
    return made_up(NORMAL)[0]


def with_accuracies(results, **runs):
    """Replace (train, test, upper end of the interval) of runs."""
    table = results.tables["accuracy"].set_index("run")
    for run, values in runs.items():
        table.loc[run, ["train_accuracy", "test_accuracy", "test_ci_high"]] = values
    table = table.reset_index()
    return Results({**results.tables, "accuracy": table}, results.metrics, results.study)


@pytest.mark.parametrize(
    ("train", "test", "high", "finding"),
    [
        (1.00, 0.73, 0.77, "overfits"),
        (0.95, 0.85, 0.88, "overfits"),  # ten points to the dot
        (0.949, 0.85, 0.88, "neither"),
        (0.70, 0.55, 0.72, "underfits"),  # so few images that the gap may be none
        (0.57, 0.55, 0.58, "underfits"),
        (0.76, 0.65, 0.69, "overfits and underfits"),
        (0.82, 0.80, 0.83, "neither"),
        (0.60, 0.64, 0.68, "underfits"),
    ],
)
def test_the_rule(normal, train, test, high, finding):
    best = normal.tables["accuracy"]["run"].iloc[0]
    changed = with_accuracies(
        normal, **{best: (0.9, 0.8, 0.83), "hog_color_rbf": (train, test, high)}
    )
    found = next(each for each in gaps(changed) if each.run == "hog_color_rbf")
    assert found.finding == finding
    assert ("memorizes training images" in found.meaning) == found.over
    assert ("better features" in found.meaning) == found.under


def test_leaked_test_images_say_nothing_about_new_ones(normal, monkeypatch):
    monkeypatch.setattr(gaps_module, "leak", lambda study: "12 of 100 are exact copies")
    better = [each for each in gaps(normal) if not each.baseline]
    leaked = "a near-duplicate in train or validation, so the gap on new images may be larger."
    assert better
    assert all(each.meaning.endswith(leaked) for each in better)
    assert not any("almost as well" in each.meaning for each in better)
    assert all("may help" in each.meaning for each in better if each.over)


def test_the_rule_is_in_words():
    assert "10 points or more" in RULE
    assert "95% interval" in RULE


def test_the_best_run_cannot_under_fit(normal):
    best = normal.tables["accuracy"]["run"].iloc[0]
    found = gaps(with_accuracies(normal, **{best: (0.5, 0.6, 0.7)}))
    assert found[0].finding == "neither"


def test_a_network_is_given_the_advice_for_networks(normal):
    found = {each.run: each for each in gaps(with_accuracies(normal, lenet5=(0.4, 0.39, 0.45)))}
    assert "larger network" in found["lenet5"].meaning


def test_numbers_are_those_of_the_table(normal):
    for row, each in zip(normal.tables["accuracy"].to_dict("records"), gaps(normal), strict=True):
        assert f"{row['train_accuracy'] * 100:.1f}% of its training" in each.sentence
        assert f"{row['test_accuracy'] * 100:.1f}% of the test images" in each.sentence


def gap(run, train, test):
    return Gap(run, "classical", train, test, over=False, under=False, best="x")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ((0.60, 0.56), (0.50, 0.45), "is 11.0 points ahead of other in test accuracy: 10.0 of them "
         "come from a higher training accuracy and 1.0 from a smaller generalization gap. The main "
         "difference is how well"),
        ((0.7224, 0.6760), (0.65, 0.60), "is 7.6 points ahead of other in test accuracy: 7.2 of "
         "them come from a higher training accuracy and 0.4 from a smaller generalization gap"),
        ((0.90, 0.60), (0.60, 0.50), "is 10.0 points ahead of other in test accuracy: its "
         "training accuracy is 30.0 points higher, and its generalization gap 20.0 points larger"),
        ((0.60, 0.55), (0.90, 0.50), "is 5.0 points ahead of other in test accuracy: its "
         "generalization gap is 35.0 points smaller, although its training accuracy is 30.0 points "
         "lower. The main difference is how much they overfit"),
    ],
)  # fmt: skip
def test_why_one_is_ahead(first, second, words):
    assert words in compared(gap("one", *first), gap("other", *second), same_classifier=True)


def test_two_runs_that_are_level_or_not_separated_are_not_explained():
    text = compared(gap("one", 0.5, 0.4), gap("other", 0.5, 0.4), same_classifier=False)
    assert "different classifiers" in text
    assert text.endswith("one and other are level on the test images.")
    apart = gap("one", 0.6, 0.56), gap("other", 0.5, 0.45)
    text = compared(*apart, same_classifier=True, significant=False)
    assert "main difference" not in text
    assert text.endswith("The difference is not significant.")


def test_color_and_hog_are_found_by_their_method(normal):
    first, second = color_and_hog(normal)
    assert {first.run, second.run} == {"hog_linear", "color_linear"}
    assert first.test >= second.test
    assert len(gap_sentences(normal)) == 3


def test_two_with_the_same_classifier_are_preferred():
    wanted = (
        Wanted("hog_a", "classical", 0.7, sets=("hog",)),
        Wanted("hog_b", "classical", 0.5, sets=("hog",)),
        Wanted("color", "classical", 0.4, sets=("color",)),
    )
    results = made_up(wanted)[0]
    assert {each.run for each in color_and_hog(results)} == {"hog_a", "color"}
    table: pd.DataFrame = results.tables["accuracy"].copy()
    table.loc[table["run"] == "hog_a", "method"] = "linear_svm"
    changed = Results({**results.tables, "accuracy": table}, results.metrics, results.study)
    assert {each.run for each in color_and_hog(changed)} == {"hog_b", "color"}


def test_without_that_pair_the_best_run_is_the_example():
    results = made_up((Wanted("net", "deep", 0.6), Wanted("both", "classical", 0.4)))[0]
    assert color_and_hog(results) is None
    (sentence,) = gap_sentences(results)
    assert sentence.startswith("net classifies")


def test_drawing_has_a_ring_and_a_dot_where_the_numbers_are(normal):
    found = gaps(normal)
    spec = draw(view(StudyResults(normal)))[0].spec
    (rows,) = spec["datasets"].values()
    assert [(row["test"], row["train"]) for row in rows] == [
        (float(f"{each.test:.6g}"), float(f"{each.train:.6g}")) for each in found
    ]
    line, ring, dot = spec["layer"]
    assert (line["encoding"]["x"]["field"], line["encoding"]["x2"]["field"]) == ("train", "test")
    assert (ring["encoding"]["x"]["field"], ring["mark"]["filled"]) == ("train", False)
    assert dot["encoding"]["x"]["field"] == "test"


def test_a_large_gap_with_few_test_images_is_not_said_to_be_small():
    few = Gap("run", "deep", train=0.9, test=0.9 - LARGE, over=False, under=False, best="x")
    assert few.meaning == "The gap is large, but may be due to chance with so few test images."
