"""Who has learned from other images too, and how the best of the other networks does."""

from __future__ import annotations

import copy

import pytest

from pipeline.analyses.accuracy.view import view
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import Wanted, made_up, network, verdict_of

SVM = Wanted("svm", "classical", 0.5)
SCRATCH = network("resnet20", 0.7, "resnet")
TRANSFER = network("transfer", 0.9, "transfer", pretrained="imagenet")


@pytest.fixture(scope="module")
def three():
    return made_up((SVM, SCRATCH, TRANSFER))[0]


def changed(results, **changes):
    study = copy.deepcopy(results.study)
    study["comparisons"]["scratch_classical"] |= changes
    found = verdict_of(Results(results.tables, results.metrics, study))
    return " ".join(found.details)


def test_the_best_network_trained_from_scratch_is_named_with_its_numbers(three):
    assert "the best network, transfer, beats" in verdict_of(three).headline
    text = changed(three, difference=0.061, ci_low=0.052, ci_high=0.07, p_value=1e-9, n=10000,
                   deep_accuracy=0.882, classical_accuracy=0.821)  # fmt: skip
    assert (
        "transfer (marked pretrained in the table) uses weights learned from other images "
        "(source: ImageNet), so it has seen more data than the other runs."
    ) in text
    assert (
        "Of the networks trained from scratch, the best by validation accuracy, resnet20, is 6.1 "
        "points above the best classical run, svm (95% interval of the difference 5.2 to 7.0;"
        " exact McNemar p < 0.001): 88.2% against 82.1% of 10,000 test images."
    ) in text


def test_gray_images_are_read_as_three_channels_and_the_page_says_so(three):
    said = "the single channel of the gray images is repeated three times"
    assert said not in changed(three)
    gray = copy.deepcopy(three)
    gray.study["dataset"]["image_shape"] = [28, 28, 1]
    assert said in changed(gray)


def test_below_and_not_separated(three):
    behind = changed(three, difference=-0.05, ci_low=-0.08, ci_high=-0.02, p_value=0.002)
    assert "resnet20, is 5.0 points below the best classical run, svm" in behind
    assert "(95% interval of the difference 2.0 to 8.0; exact McNemar p = 0.002)" in behind
    level = changed(three, difference=0.01, ci_low=-0.01, ci_high=0.03, p_value=0.4)
    assert "resnet20, does not differ significantly from the best classical run, svm" in level
    assert "(95% interval of the difference −1.0 to 3.0;" in level
    dependent = changed(three, independent_images=False)
    assert "interval of the difference" not in dependent


def test_where_the_best_network_is_of_these_images_the_headline_is_enough():
    best = network("wide", 0.97, "resnet")
    results = made_up((SVM, best, network("transfer", 0.6, "transfer", pretrained="file")))[0]
    assert "the best network, wide" in verdict_of(results).headline
    text = " ".join(verdict_of(results).details)
    assert "transfer (marked pretrained in the table) uses weights" in text
    assert "(source: a local weights file)" in text
    assert "from scratch" not in text


def test_random_weights_have_seen_nothing():
    results = made_up((SVM, network("control", 0.9, "transfer", pretrained="random")))[0]
    assert StudyResults(results).pretrained == {}
    assert "other images" not in " ".join(verdict_of(results).details)


def test_many_are_counted_and_marked_in_the_table():
    more = [network(f"t{i}", 0.6, "transfer", pretrained="file") for i in range(3)]
    results = made_up((SVM, TRANSFER, *more))[0]
    text = " ".join(verdict_of(results).details)
    assert "4 runs (marked pretrained in the table) use weights" in text
    assert "(sources: ImageNet, a local weights file), so they have seen" in text
    rows = view(StudyResults(results)).rows
    marked = {row.run for row in rows if row.made_of.endswith(", pretrained")}
    assert marked == {"transfer", "t0", "t1", "t2"}
