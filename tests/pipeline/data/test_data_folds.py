"""Folds are stratified, grouped and seeded; impossible ones are errors."""

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.data.folds import make_folds, small_classes

NAMES = ("ant", "bee", "cat")


@pytest.mark.parametrize("count", [3, 5, 7])
def test_without_groups_folds_differ_by_one_image_at_most(count):
    labels = np.repeat([0, 1, 2], [31, 17, 9])
    folds = make_folds(labels, None, count, NAMES, 0)
    for of in (folds, *(folds[labels == label] for label in range(3))):
        sizes = np.bincount(of, minlength=count)
        assert sizes.max() - sizes.min() <= 1
    assert not np.array_equal(folds, make_folds(labels, None, count, NAMES, 1))
    assert np.array_equal(folds, make_folds(labels, None, count, NAMES, 0))


def test_groups_are_not_divided():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 300)
    labels = rng.integers(0, 3, 300)
    folds = make_folds(labels, groups, 5, NAMES, 0)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))
    for label in range(3):
        shares = np.bincount(folds[labels == label]) / np.count_nonzero(labels == label)
        assert np.abs(shares - 0.2).max() < 0.06


def test_a_class_with_fewer_images_than_folds_is_told():
    labels = np.repeat([0, 1, 2], [20, 20, 3])
    folds = make_folds(labels, None, 5, NAMES, 0)
    assert len(np.unique(folds[labels == 2])) == 3
    assert "cat (3)" in small_classes(labels, None, 5, NAMES)
    assert small_classes(labels[:40], None, 5, NAMES[:2]) == ""


@pytest.mark.parametrize("groups", [None, np.r_[np.arange(40), [40, 41, 41, 41]]])
def test_a_class_that_cannot_be_trained_validated_and_tested_is_an_error(groups):
    labels = np.repeat([0, 1, 2], [20, 20, 2 if groups is None else 4])
    with pytest.raises(StudyError, match=r"too few .* of these classes: cat \(2\)"):
        make_folds(labels, groups, 5, NAMES, 0)


def test_groups_that_leave_a_fold_empty_are_an_error():
    groups = np.repeat([0, 1, 2], 10)
    labels = np.tile([0, 1], 15)
    with pytest.raises(StudyError, match="2 without any image"):
        make_folds(labels, groups, 5, NAMES[:2], 0)
