"""Groups dealt to parts: shares of classes, rare classes, the same by the same seed."""

import numpy as np
import pytest

from pipeline.data.group_splits import assign_groups, group_counts


def random_groups(rng, groups=60, classes=4, largest=12):
    return rng.integers(0, largest, (groups, classes)) * (rng.random((groups, classes)) < 0.5)


def test_counts_of_groups():
    numbers, counts = group_counts(np.array([7, 3, 7, 3]), np.array([0, 1, 0, 0]), 2)
    assert numbers.tolist() == [1, 0, 1, 0]
    assert counts.tolist() == [[1, 1], [2, 0]]


@pytest.mark.parametrize("shares", [(0.2, 0.8), (0.2,) * 5])
@pytest.mark.parametrize("seed", range(3))
def test_each_class_has_its_share(shares, seed):
    counts = random_groups(np.random.default_rng(seed))
    parts = assign_groups(counts, shares, [0] * len(shares), seed)
    for part, share in enumerate(shares):
        got = counts[parts == part].sum(axis=0) / counts.sum(axis=0)
        # Random assignment is off by 0.07 on average, and by more than 0.1 in most cases.
        assert np.abs(got - share).max() < 0.05


def test_single_images_are_dealt_evenly():
    counts = np.eye(3, dtype=np.int64)[np.repeat([0, 1, 2], [50, 30, 20])]
    parts = assign_groups(counts, [0.2] * 5, [0] * 5, 0)
    for part in range(5):
        assert counts[parts == part].sum(axis=0).tolist() == [10, 6, 4]


def test_rare_classes_are_in_every_part():
    counts = np.array([[40, 0], [30, 0], [20, 0], [30, 1], [30, 1], [1, 30]])
    for seed in range(5):
        parts = assign_groups(counts, (0.1, 0.9), (1, 2), seed)
        assert (counts[parts == 0] > 0).any(axis=0).all()
        assert ((counts[parts == 1] > 0).sum(axis=0) >= 2).all()


def test_the_seed_decides():
    counts = random_groups(np.random.default_rng(0))
    one, again, other = (assign_groups(counts, (0.3, 0.7), (0, 0), seed) for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()


def test_ten_thousand_groups_take_little_time():
    counts = np.eye(100, dtype=np.int64)[np.random.default_rng(0).integers(0, 100, 10_000)]
    parts = assign_groups(counts, [0.2] * 5, [0] * 5, 0)
    assert np.bincount(parts).max() - np.bincount(parts).min() <= 100
