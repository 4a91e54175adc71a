import itertools

import pytest

from pipeline.statistics.multiple_comparisons import holm

BY_HAND = {0.01: 0.03, 0.03: 0.06, 0.04: 0.06}
"""p-value -> adjusted: 3 * 0.01, 2 * 0.03, and 0.04, which may not be below the one before it."""


@pytest.mark.parametrize("order", itertools.permutations(BY_HAND))
def test_holm_by_hand_in_any_order(order):
    assert holm(order) == pytest.approx([BY_HAND[each] for each in order])


def test_no_adjusted_p_value_is_above_one():
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
