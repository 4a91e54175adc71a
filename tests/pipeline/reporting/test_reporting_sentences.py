"""Sentences that once stood whatever the numbers: each is said where its numbers say it."""

from __future__ import annotations

import copy
import re

import pytest
from synthetic_study import Wanted, made_up, network

from pipeline.reporting.calibration import calibration
from pipeline.reporting.classes import class_scores
from pipeline.reporting.gaps import LARGE, Gap
from pipeline.reporting.page import _more_of
from pipeline.reporting.pairs import pairwise_grid
from pipeline.reporting.summary import headline, summary
from pipeline.reporting.verdict import verdict
from pipeline.storage.results import Results

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8), Wanted("mix", "hybrid", 0.9))


@pytest.fixture(scope="module")
def three():
    return made_up(RUNS)[0]


def with_tables(results, **tables):
    return Results({**results.tables, **tables}, results.metrics, results.study)


def dependent(results):
    study = copy.deepcopy(results.study)
    study["dataset"]["independent"] = False
    for each in (study["comparison"], *study["comparisons"].values()):
        each |= {"independent_images": False, "difference": 0.0}
    return Results(results.tables, results.metrics, study)


def test_intervals_are_explained_by_other_test_images_where_these_are_independent(three):
    for text in (summary, headline):
        assert re.search(r"Intervals (\(Wilson\) )?tell ", text(three))
        assert not re.search(r"Intervals (\(Wilson\) )?tell ", text(dependent(three)))
        assert "independent" in text(dependent(three))


def test_a_readme_is_not_said_to_hold_the_reasons():
    results = made_up(RUNS[:1], not_run={"big": "needs a GPU"})[0]
    assert "The reasons stand at the end." in summary(results)
    assert "The reasons stand in the report." in headline(results)


def test_equal_runs_on_dependent_images_are_said_to_be_equal(three):
    found = verdict(dependent(three))
    assert "names as many of these test images rightly as" in found.headline
    (text,) = [each for each in found.details if "hybrid" in each]
    assert "It stands level with the best network, net and level with the best class" in text
    assert "points below" not in text
    assert "interval" not in text


@pytest.mark.parametrize(
    ("confidence", "right", "said"),
    [
        (0.9, 0.6, ", too sure (it says 90.0 % on average, and 60.0 % are right)"),
        (0.5, 0.6, ", not sure enough (it says 50.0 % on average, and 60.0 % are right)"),
        (0.6, 0.6, ""),
    ],
)
def test_who_is_too_sure_is_told_by_the_test_images_and_not_by_a_temperature(
    three, confidence, right, said
):
    table = (
        three.tables["calibration"]
        .iloc[:1]
        .assign(ece_before=0.1, confidence_before=confidence, temperature=2.0)
    )
    bins = (
        three.tables["reliability"]
        .iloc[:1]
        .assign(run=table["run"].iloc[0], stage="before", n=100, accuracy=right)
    )
    found = calibration(with_tables(three, calibration=table, reliability=bins))
    text = found.sentence.replace("\u202f", " ")
    assert text == f"The confidence of {table['run'].iloc[0]} is off by 10.0 points{said}."


def test_runs_that_are_off_by_as_much_have_no_nearest(three):
    table = three.tables["calibration"].assign(ece_before=0.1, ece_after=0.2)
    text = calibration(with_tables(three, calibration=table)).sentence
    assert text.startswith("Confidence is off by 10.0 points in every run. Temperature scaling")
    assert "brings 0 of 3 runs nearer" in text


def test_where_no_difference_holds_the_rule_is_stated_and_nothing_else(three):
    table = three.tables["pairwise"].assign(holds=False)
    text = pairwise_grid(with_tables(three, pairwise=table)).sentence
    assert text.startswith("None of 3 differences holds. A difference holds where")


def test_classes_of_one_score_have_no_hardest(three):
    table = three.tables["per_class"].assign(f1=0.5)
    words = class_scores(with_tables(three, per_class=table)).words
    assert "hardest" not in words
    assert "svm: 50.0\u202f% in every class" in words


def test_runs_that_all_build_on_other_images_have_no_rest():
    wanted = [network(f"t{i}", 0.6, "vgg16_transfer", pretrained="imagenet") for i in range(2)]
    text = " ".join(verdict(made_up(wanted)[0]).details)
    assert "have seen more data than this study holds." in text
    assert "than the rest" not in text


def test_a_large_gap_with_few_test_images_is_not_said_to_be_small():
    few = Gap("run", "deep", train=0.9, test=0.9 - LARGE, over=False, under=False, best="x")
    assert few.meaning == "The gap is large, but with so few test images it may be chance."


def test_further_sentences_are_announced_as_what_they_are(three):
    assert _more_of(three) == ["How the two were chosen", "where hybrids stand"]
    without = made_up((RUNS[0], RUNS[2]))[0]
    assert _more_of(without) == ["Where hybrids stand"]
    assert _more_of(made_up(RUNS[:1])[0]) == []
