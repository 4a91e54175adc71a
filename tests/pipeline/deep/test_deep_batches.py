"""Batches: every image once an epoch, in an order of its own each time."""

import numpy as np

from pipeline.deep.batches import Batches


def one_epoch(batches):
    return np.concatenate([batches[index][1] for index in range(len(batches))])


def test_every_image_once_with_its_label():
    inputs = np.arange(23)[:, None] * np.ones((1, 4))
    batches = Batches(inputs, np.arange(23), batch_size=5, seed=0)
    assert len(batches) == 5
    assert sorted(one_epoch(batches)) == list(range(23))
    assert all((x[:, 0] == y).all() for x, y in (batches[i] for i in range(5)))


def test_order_depends_on_seed_and_epoch_alone():
    first, second = (Batches(np.zeros((50, 1)), np.arange(50), 50 // 5, seed=3) for _ in range(2))
    first.start_epoch(4)
    second.start_epoch(1)
    second.start_epoch(4)
    assert np.array_equal(one_epoch(first), one_epoch(second))
    second.start_epoch(5)
    assert not np.array_equal(one_epoch(first), one_epoch(second))
    other = Batches(np.zeros((50, 1)), np.arange(50), 10, seed=4)
    other.start_epoch(4)
    assert not np.array_equal(one_epoch(first), one_epoch(other))
