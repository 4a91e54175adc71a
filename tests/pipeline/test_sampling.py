import numpy as np
import pytest

from pipeline.sampling import nested_sizes, stratified_order


def test_order_is_a_permutation_that_the_seed_decides(rng):
    labels = rng.integers(0, 5, 500)
    order = stratified_order(labels, seed=3)
    assert sorted(order) == list(range(500))
    assert np.array_equal(order, stratified_order(labels, seed=3))
    assert not np.array_equal(order, stratified_order(labels, seed=4))


@pytest.mark.parametrize("size", [10, 50, 137, 400])
def test_every_prefix_is_stratified(rng, size):
    labels = rng.permutation(np.repeat([0, 1, 2], [600, 300, 100]))
    counts = np.bincount(labels[stratified_order(labels, 0)[:size]], minlength=3)
    expected = size * np.array([0.6, 0.3, 0.1])
    assert np.all(np.abs(counts - expected) <= 1.0 + 1e-9)


def test_images_of_a_class_are_shuffled():
    labels = np.zeros(1000, dtype=int)
    order = stratified_order(labels, 0)
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("n", "classes", "sizes"),
    [
        (45_000, 10, (2812, 5625, 11250, 22500, 45000)),
        (400, 10, (100, 200, 400)),
        (30, 10, (30,)),
        (160, 2, (20, 40, 80, 160)),
    ],
)
def test_sizes_of_a_learning_curve(n, classes, sizes):
    assert nested_sizes(n, classes) == sizes
