"""The baseline without images, and what choices go by."""

import numpy as np
import pytest

from pipeline.analyses.labels import Labels


def labels_of(train, test, names=("cat", "dog", "fox")):
    splits = {"train": np.array(train), "validation": np.array(test), "test": np.array(test)}
    return Labels(names, splits, {split: np.arange(len(each)) for split, each in splits.items()})


def test_the_baseline_is_the_most_common_class_of_the_training_images():
    """In the test split, another class is more common."""
    names, share = labels_of([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 2]).majority
    assert names == ("cat",)
    assert (share.successes, share.n) == (1, 5)


def test_of_equally_common_classes_the_floor_is_the_highest():
    names, share = labels_of([0, 0, 1, 1, 2], [0, 1, 1, 2, 2, 2]).majority
    assert names == ("cat", "dog")
    assert (share.successes, share.n) == (2, 6)


@pytest.mark.parametrize(
    ("train", "chosen_by", "ratio"),
    [
        ([0] * 3 + [1] * 2, "accuracy", 1.5),
        ([0] * 8 + [1] * 5, "balanced accuracy", 1.6),
        ([0] * 50 + [2], "balanced accuracy", 50),
    ],
)
def test_choices_go_by_the_sizes_of_the_training_classes(train, chosen_by, ratio):
    known = labels_of(train, [0, 0, 0, 0, 1, 2])
    assert known.chosen_by == chosen_by
    assert known.largest_to_smallest == pytest.approx(ratio)
