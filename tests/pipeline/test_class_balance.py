"""Weights of classes, and when classes count as unequal."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from pipeline.class_balance import are_unequal, balanced_weights


def test_weights_by_hand():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])
    weights = balanced_weights(labels)
    assert weights == pytest.approx([9 / 18, 9 / 6, 9 / 3])
    assert weights[labels].mean() == pytest.approx(1)


def test_weights_equal_those_of_scikit_learn():
    labels = np.random.default_rng(0).integers(0, 7, 100) ** 2
    theirs = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    assert balanced_weights(labels) == pytest.approx(theirs)


@pytest.mark.parametrize(("large", "unequal"), [(10, False), (15, False), (16, True)])
def test_classes_are_unequal_above_a_ratio_of_one_and_a_half(large, unequal):
    assert are_unequal(np.repeat([0, 1, 2], [large, 12, 10])) is unequal
