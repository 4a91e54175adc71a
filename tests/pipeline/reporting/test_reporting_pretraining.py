"""Who has learnt from other images too, and how the best of the other networks does."""

from __future__ import annotations

import copy

import pytest
from synthetic_study import Wanted, made_up, network

from pipeline.reporting.pretraining import pretrained_runs
from pipeline.reporting.tables import accuracy_rows
from pipeline.reporting.verdict import verdict
from pipeline.storage.results import Results

SVM = Wanted("svm", "classical", 0.5)
SCRATCH = network("resnet20", 0.7, "resnet")
TRANSFER = network("transfer", 0.9, "vgg16_transfer", pretrained="imagenet")


@pytest.fixture(scope="module")
def three():
    return made_up((SVM, SCRATCH, TRANSFER))[0]


def changed(results, **changes):
    study = copy.deepcopy(results.study)
    study["comparisons"]["scratch_classical"] |= changes
    found = verdict(Results(results.tables, results.metrics, study))
    return " ".join(found.details).replace("\u202f", " ")


def test_the_best_network_on_these_images_alone_is_named_with_its_numbers(three):
    assert "the best network, transfer, beats" in verdict(three).headline
    text = changed(three, difference=0.061, ci_low=0.052, ci_high=0.07, p_value=1e-9, n=10000,
                   deep_accuracy=0.882, classical_accuracy=0.821)  # fmt: skip
    assert (
        "transfer (pre-trained in the table) builds on weights that were learnt on other images "
        "(ImageNet), and so has seen more data than the rest."
    ) in text
    assert (
        "Of the networks trained on these images alone, the best by validation accuracy, resnet20, "
        "stands 6.1 points above the best classical run, svm (95 % interval of the difference 5.2 "
        "to 7.0; exact McNemar p < 0.001): 88.2 % against 82.1 % of 10,000 test images."
    ) in text


def test_below_and_not_separated(three):
    behind = changed(three, difference=-0.05, ci_low=-0.08, ci_high=-0.02, p_value=0.002)
    assert "resnet20, stands 5.0 points below the best classical run, svm" in behind
    level = changed(three, difference=0.01, ci_low=-0.01, ci_high=0.03, p_value=0.4)
    assert "resnet20, is not separated by these images from the best classical run, svm" in level
    dependent = changed(three, independent_images=False)
    assert "interval of the difference" not in dependent


def test_where_the_best_network_is_of_these_images_the_headline_is_enough():
    best = network("wide", 0.97, "resnet")
    results = made_up((SVM, best, network("transfer", 0.6, "vgg16_transfer", pretrained="file")))[0]
    assert "the best network, wide" in verdict(results).headline
    text = " ".join(verdict(results).details)
    assert "transfer (pre-trained in the table) builds on weights" in text
    assert "(a file of weights)" in text
    assert "on these images alone" not in text


def test_random_weights_have_seen_nothing():
    results = made_up((SVM, network("control", 0.9, "vgg16_transfer", pretrained="random")))[0]
    assert pretrained_runs(results) == {}
    assert "other images" not in " ".join(verdict(results).details)


def test_many_are_counted_and_marked_in_the_table():
    more = [network(f"t{i}", 0.6, "vgg16_transfer", pretrained="file") for i in range(3)]
    results = made_up((SVM, TRANSFER, *more))[0]
    text = " ".join(verdict(results).details)
    assert "4 runs (pre-trained in the table) build on weights" in text
    assert "(ImageNet and a file of weights), and so have seen" in text
    marked = {row.run for row in accuracy_rows(results) if row.made_of.endswith(", pre-trained")}
    assert marked == {"transfer", "t0", "t1", "t2"}
