"""Per-class scores and confusion counts, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.statistics.confusion import confusion_counts, most_confused
from pipeline.statistics.per_class import (
    balanced_accuracy,
    class_scores,
    macro_f1_interval,
    recalls,
)

LABELS = np.array([0, 0, 0, 1, 1, 3])
PREDICTED = np.array([0, 0, 1, 1, 0, 0])


def test_confusion_has_actual_classes_in_rows():
    expected = [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert confusion_counts(PREDICTED, LABELS, 4).tolist() == expected


def test_scores_by_hand():
    scores = class_scores(PREDICTED, LABELS, 4)
    assert scores.precision == pytest.approx([2 / 4, 1 / 2, 0, 0])
    assert scores.recall == pytest.approx([2 / 3, 1 / 2, 0, 0])
    assert scores.f1 == pytest.approx([4 / 7, 1 / 2, 0, 0])
    assert scores.support.tolist() == [3, 2, 0, 1]
    assert scores.macro_f1 == pytest.approx((4 / 7 + 1 / 2) / 4)


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_with_labels():
    assert balanced_accuracy(PREDICTED, LABELS) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_recalls_are_means_over_seeds():
    other = np.array([0, 0, 0, 1, 1, 0])
    found = recalls([PREDICTED, other], LABELS)
    assert [(each.successes, each.n) for each in found] == [(2.5, 3), (1.5, 2), (0, 1)]


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_interval_of_macro_f1_equals_that_of_drawn_images(seeds):
    """Stratified resamples of single images, scored one by one by another implementation."""
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2], [120, 40, 12])
    several = [np.where(rng.random(172) < 0.7, labels, rng.integers(0, 3, 172))] * seeds
    if seeds > 1:
        several[1] = np.where(rng.random(172) < 0.3, rng.integers(0, 3, 172), several[0])
    interval = macro_f1_interval(several, labels, 4, seed=0, resamples=8000)
    members = [np.flatnonzero(labels == label) for label in range(3)]
    values = []
    for _ in range(1500):
        drawn = np.concatenate([rng.choice(each, len(each)) for each in members])
        scores = [class_scores(each[drawn], labels[drawn], 4).macro_f1 for each in several]
        values.append(np.mean(scores))
    expected = np.quantile(values, [0.025, 0.975])
    assert (interval.low, interval.high) == pytest.approx(expected, abs=0.012)
    assert np.mean([class_scores(each, labels, 4).macro_f1 for each in several]) in interval


def test_a_class_that_never_occurs_gives_no_warning(recwarn):
    class_scores(np.array([0, 0]), np.array([0, 0]), 3)
    assert not recwarn.list


def test_recall_agrees_with_the_confusion_counts(rng):
    labels, predicted = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    counts = confusion_counts(predicted, labels, 5)
    scores = class_scores(predicted, labels, 5)
    assert scores.recall == pytest.approx(np.diag(counts) / counts.sum(axis=1))
    assert scores.precision == pytest.approx(np.diag(counts) / counts.sum(axis=0))


def test_pairs_counted_by_hand():
    # cat as dog 3, dog as cat 1, cat as eel 2, eel as dog 4: ten errors
    pairs = most_confused(np.array([[9, 3, 2], [1, 9, 0], [0, 4, 9]]), limit=10)
    assert [(p.first, p.second, p.first_as_second, p.second_as_first, p.share) for p in pairs] == [
        (0, 1, 3, 1, 0.4),
        (1, 2, 0, 4, 0.4),
        (0, 2, 2, 0, 0.2),
    ]
    assert [p.second for p in most_confused(np.diag([5, 0, 2]) + np.eye(3, k=1), limit=1)] == [1]
    assert most_confused(np.diag([5, 0, 2]), limit=10) == []
