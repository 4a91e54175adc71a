"""Where one curve gets ahead of another, and whether the interval of that is right."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_curves import right

from pipeline.statistics.crossing import crossings, find_crossing
from pipeline.statistics.draws import resampled_draws

SIZES = (100, 300, 1000, 3000, 10_000)
DEEP = (0.25, 0.38, 0.52, 0.64, 0.74)
CLASSICAL = (0.36, 0.45, 0.53, 0.60, 0.66)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ((-1, 1, 1), 0.5),
        ((-3, -1, 1), 1.5),
        ((-1, 0, 1), 1.0),
        ((0, 0, 1), 1.0),
        ((1, -1, 3), 1.25),
        ((-1, 1, -1), np.inf),
        ((-3, -2, -1), np.inf),
        ((0, 0, 0), np.inf),
        ((1, 2, 3), -np.inf),
    ],
)
def test_the_last_change_of_sign(curve, expected):
    """A tie is not ahead."""
    found = crossings(np.array([0.0, 1.0, 2.0]), np.array([curve, curve], dtype=float))
    assert found.tolist() == pytest.approx([expected, expected])


def test_interpolation_is_in_the_logarithm_of_images():
    curve = np.array([-0.1, 0.1])
    assert find_crossing((100, 10_000), curve, curve[None]).images == pytest.approx(1000)


def test_replicates_without_a_crossing_open_the_interval():
    curves = np.array([[-1.0, 1.0]] * 90 + [[-2.0, -1.0]] * 6 + [[1.0, 2.0]] * 4)
    found = find_crossing((100, 10_000), curves[0], curves)
    assert (found.never, found.always, found.several) == (0.06, 0.04, 0)
    assert found.images == pytest.approx(1000)
    assert found.interval.low == 0
    assert found.interval.high == np.inf
    assert find_crossing((100, 10_000), curves[0], curves[:95]).interval.low == pytest.approx(1000)


def test_several_crossings_are_counted():
    curves = np.array([[-1.0, 1.0, -1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]])
    assert find_crossing((1, 2, 4, 8), curves[1], curves).several == 0.5


def test_the_interval_is_right_as_often_as_it_says():
    """500 studies of 5 draws and 120 test images, with a crossing that is known."""
    truth = np.subtract(DEEP, CLASSICAL)
    known = np.exp(crossings(np.log(SIZES), truth[None])[0])
    hits = 0
    for repetition in range(500):
        rng = np.random.default_rng((1, repetition))
        deep, classical = right(rng, (DEEP, CLASSICAL), 5, 120, of_draws=0.005)
        found = resampled_draws(deep.astype(float) - classical, repetition, 200)
        hits += known in find_crossing(SIZES, found.means, found.replicates).interval
    assert 0.93 <= hits / 500 <= 0.97
