"""Distances to neighbors, compared with all distances."""

import numpy as np
import pytest

from pipeline.statistics.neighbors import Neighbors


@pytest.mark.parametrize("k", [1, 3])
def test_distances_are_those_of_the_sorted_ones(k, rng):
    known, rows = rng.standard_normal((20, 4)), rng.standard_normal((7, 4))

    def every(these):
        return np.sort(np.linalg.norm(these[:, None] - known, axis=2), axis=1)

    found = Neighbors(known, k)
    np.testing.assert_allclose(found.distances(rows), every(rows)[:, k - 1])
    np.testing.assert_allclose(found.own_distances(), every(known)[:, k], atol=1e-7)


def test_of_fewer_rows_it_is_the_last(rng):
    known = rng.standard_normal((2, 3))
    distance = np.linalg.norm(known[0] - known[1])
    np.testing.assert_allclose(Neighbors(known).own_distances(), [distance] * 2)
    np.testing.assert_allclose(Neighbors(known).distances(known), [distance] * 2)
