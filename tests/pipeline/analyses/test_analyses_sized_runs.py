"""Predictions by sample size, checked and scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analyses.sized_runs import SizedRecord, score_sized
from pipeline.checks import StudyError
from pipeline.storage.runs import DIVERGED
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run
from tests.pipeline.synthetic_study import sized_record


@pytest.fixture
def labels(rng):
    return made_up_labels(rng)


def record(labels, name="svm", skills=(0.4, 0.6)) -> SizedRecord:
    return sized_record(name, skills, labels.by_split, labels.ids)


def with_predictions(given: SizedRecord, **changes: np.ndarray) -> SizedRecord:
    predicted = {**given.found.predicted, **changes}
    return replace(given, found=replace(given.found, predicted=predicted))


def test_the_best_at_the_largest_size_comes_first(labels, rng):
    runs = [made_up_run(name, labels, 0.7, rng) for name in ("a", "b", "c")]
    records = [record(labels, "a", (0.9, 0.2)), record(labels, "c", (0.1, 0.8))]
    found = score_sized(records, runs, labels)
    assert [run.name for run in found] == ["c", "a"]
    assert found[0].accuracy("test").shape == (2, 3)
    right = records[1].found.predicted["test"] == labels.test
    np.testing.assert_array_equal(found[0].right["test"], right)


def test_a_diverged_training_predicts_the_most_common_class(labels, rng):
    given = record(labels)
    predicted = given.found.predicted["test"].copy()
    predicted[0, 1] = DIVERGED
    run = made_up_run("svm", labels, 0.7, rng)
    (found,) = score_sized([with_predictions(given, test=predicted)], [run], labels)
    common = np.bincount(labels.by_split["train"]).argmax()
    np.testing.assert_array_equal(found.right["test"][0, 1], labels.test == common)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda given: replace(given, draws=5), "found sizes 400, 800, 3 draws .* 5 draws"),
        (lambda given: replace(given, sizes=(7, 9)), "expected 7, 9, 3 draws"),
        (
            lambda given: with_predictions(given, test=given.found.predicted["test"][:, :, 1:]),
            r"test predictions: found shape \(2, 3, 299\)",
        ),
        (
            lambda given: with_predictions(given, validation=given.found.predicted["test"] + 9),
            "validation predictions: found classes 9 to 12; expected 0 to 3",
        ),
        (
            lambda given: replace(
                given,
                found=replace(given.found, ids={s: i + 1 for s, i in given.found.ids.items()}),
            ),
            "by sample size, validation predictions",
        ),
    ],
)
def test_predictions_of_something_else(labels, rng, spoil, message):
    run = made_up_run("svm", labels, 0.7, rng)
    with pytest.raises(StudyError, match=message) as caught:
        score_sized([spoil(record(labels))], [run], labels)
    assert "again" in str(caught.value)
