"""Raw outputs to a column a class."""

import numpy as np
import pytest

from pipeline.class_scores import of_decisions, of_probabilities


def test_one_sigmoid_unit_becomes_two_columns_that_sum_to_one():
    scores = of_probabilities(np.array([[0.9], [0.2], [0.6]], np.float32))
    np.testing.assert_allclose(scores, [[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], atol=1e-6)
    assert scores.dtype == np.float32


def test_a_signed_distance_becomes_two_columns_of_which_the_second_is_its_own():
    assert of_decisions(np.array([1.0, -2.0])).tolist() == [[-1, 1], [2, -2]]


@pytest.mark.parametrize("turn", [of_decisions, of_probabilities])
def test_a_column_a_class_stays(turn):
    outputs = np.array([[0.2, 0.5, 0.3]])
    assert turn(outputs) is outputs


@pytest.mark.parametrize(
    ("turn", "shape"), [(of_decisions, (4, 1)), (of_decisions, ()), (of_probabilities, (4,))]
)
def test_what_may_mean_anything_is_refused(turn, shape):
    with pytest.raises(ValueError, match="expected"):
        turn(np.zeros(shape))
