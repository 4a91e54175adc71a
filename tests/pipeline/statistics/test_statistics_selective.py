"""Accuracy against coverage, by hand."""

import numpy as np
import pytest

from pipeline.statistics.selective import coverage_curve

CONFIDENCE = np.array([0.9, 0.5, 0.8, 0.8, 0.2])
CORRECT = np.array([True, False, True, False, True])


def test_the_curve_by_hand():
    found = coverage_curve(CONFIDENCE, CORRECT)
    assert found.threshold.tolist() == [0.9, 0.8, 0.5, 0.2]
    assert found.coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert found.accuracy == pytest.approx([1, 2 / 3, 2 / 4, 3 / 5])


def test_the_area_is_the_mean_error_over_coverages():
    """The two images of equal confidence, of which one is wrong, count half an error each."""
    errors = [0, 0.5 / 2, 1 / 3, 2 / 4, 2 / 5]
    assert coverage_curve(CONFIDENCE, CORRECT).area == pytest.approx(np.mean(errors))


def test_the_area_does_not_depend_on_the_order_of_equal_images():
    rng = np.random.default_rng(0)
    confidence, correct = rng.integers(0, 5, 200) / 5, rng.random(200) < 0.7
    mixed = rng.permutation(200)
    one = coverage_curve(confidence, correct).area
    assert coverage_curve(confidence[mixed], correct[mixed]).area == pytest.approx(one)


@pytest.mark.parametrize(
    ("accuracy", "threshold"), [(0.55, 0.2), (0.6, 0.2), (0.65, 0.8), (0.9, 0.9), (1, 0.9)]
)
def test_the_lowest_threshold_of_an_accuracy(accuracy, threshold):
    assert coverage_curve(CONFIDENCE, CORRECT).threshold_for(accuracy) == threshold


def test_where_the_surest_images_are_wrong_no_threshold_is_found():
    assert coverage_curve(CONFIDENCE, ~CORRECT).threshold_for(0.9) == np.inf
