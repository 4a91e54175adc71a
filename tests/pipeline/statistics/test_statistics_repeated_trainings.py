"""Means over repeats and test images: right by hand, and right as often as they say."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from pipeline.checks import StudyError
from pipeline.statistics.repeated_trainings import mean_over_repeats, repeated_mean


def trainings(rng, repeats, images, of_repeats, of_images, mean=0.0):
    """Differences that vary with the training, the image, and both."""
    return (
        mean
        + rng.normal(0, of_repeats, (repeats, 1))
        + rng.normal(0, of_images, (1, images))
        + rng.normal(0, 0.5, (repeats, images))
    )


@pytest.mark.parametrize(
    ("repeats", "of_repeats", "of_images"),
    [(3, 0.0, 0.4), (3, 0.1, 0.4), (5, 0.02, 0.1), (2, 0.02, 0.5), (3, 0.02, 0.0)],
)
def test_a_95_percent_interval_contains_the_truth_about_as_often(repeats, of_repeats, of_images):
    rng = np.random.default_rng(1)
    inside = [
        0.3 in repeated_mean(
            trainings(rng, repeats, 120, of_repeats, of_images, 0.3)).interval()
        for _ in range(600)
    ]  # fmt: skip
    assert 0.925 <= np.mean(inside) <= 0.995


def test_many_images_do_not_make_up_for_few_trainings():
    """What McNemar's test would call significant is the chance of two trainings."""
    rng = np.random.default_rng(2)
    found = [repeated_mean(trainings(rng, 3, 2000, 0.2, 0.0)).p_value() for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) < 0.08


def test_by_hand():
    """Two repeats of three images: mean squares 1/6, 1/2 and 1/6."""
    found = repeated_mean(np.array([[1, 0, 0], [1, 1, 0]]))
    assert found.value == 0.5
    assert found.error == pytest.approx(np.sqrt((1 / 6 + 1 / 2 - 1 / 6) / 6))
    assert found.degrees == pytest.approx(min((0.5 / (1 / 6)) ** 2, 5))


def test_repeats_that_agree_leave_the_error_of_the_images():
    one = np.random.default_rng(3).integers(0, 2, (1, 50))
    single, thrice = repeated_mean(one), repeated_mean(np.repeat(one, 3, axis=0))
    assert thrice.error == pytest.approx(single.error)
    assert single.p_value(0.4) == pytest.approx(ttest_1samp(one[0], 0.4).pvalue)


def test_without_any_difference_nothing_is_significant():
    assert repeated_mean(np.zeros((3, 10))).p_value() == 1
    assert mean_over_repeats(np.zeros(3)).p_value() == 1
    assert repeated_mean(np.ones((3, 10))).p_value() == 0


def test_numbers_of_trainings_have_students_t():
    values = np.array([3.0, 4.0, 4.5])
    found = mean_over_repeats(values)
    assert found.p_value(2.0) == pytest.approx(ttest_1samp(values, 2.0).pvalue)
    assert mean_over_repeats(np.array([4.0, 4.0, 4.0]), 1 / 6).p_value() == pytest.approx(
        2 * 0.00172, rel=0.01
    )


def test_one_training_says_nothing_of_the_spread():
    found = mean_over_repeats(np.array([4.0]))
    assert (found.p_value(), found.value) == (1, 4)
    assert np.isnan(found.interval().low)


def test_other_images_are_compared_by_welch():
    rng = np.random.default_rng(4)
    one, other = rng.normal(0, 1, 40), rng.normal(0.5, 2, 25)
    found = repeated_mean(one[None]).less(repeated_mean(other[None]))
    assert found.p_value() == pytest.approx(ttest_ind(one, other, equal_var=False).pvalue)


@pytest.mark.parametrize("shape", [(0, 5), (3, 1), (4,)])
def test_results_of_another_shape_are_refused(shape):
    with pytest.raises(StudyError, match="at least one repeat of two images"):
        repeated_mean(np.zeros(shape))
