"""Which validation images stand for the dataset in pictures."""

import numpy as np
import pandas as pd

from pipeline.storage.example_images import choose_images, enlarged, load_example_images
from pipeline.storage.splits import DatasetCard, save_dataset_card, save_split


def test_classes_take_turns(rng):
    labels = rng.integers(0, 10, 500)
    chosen = choose_images(labels, 0)
    assert len(set(labels[chosen])) == 5
    assert (np.diff(labels[chosen]) > 0).all()
    assert chosen.tolist() == choose_images(labels, 0).tolist()
    assert chosen.tolist() != choose_images(labels, 1).tolist()
    two = choose_images(labels % 2, 0)
    assert sorted(np.bincount(labels[two] % 2)) == [2, 3]
    assert choose_images(np.array([1, 0]), 0).tolist() == [1, 0]


def test_images_come_with_their_ids_and_classes(study_folder, rng):
    labels, ids = np.arange(9) % 3, np.arange(9) + 40
    images = rng.integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    save_split("validation", images, labels, ids)
    names = ("cat", "dog", "eel")
    card = DatasetCard("d", "d", "0", names, (8, 8, 3), {"validation": 9}, seed=0)
    save_dataset_card(card, pd.DataFrame({"id": []}))
    examples = load_example_images(3)
    assert len(set(examples.ids)) == 5
    for pixels, id_, name in zip(examples.pixels, examples.ids, examples.class_names, strict=True):
        assert (pixels == images[id_ - 40]).all()
        assert name == names[labels[id_ - 40]]


def test_with_folds_they_are_those_that_the_stored_model_has_not_learned_from(study_folder, rng):
    labels, ids, folds = np.arange(12) % 3, np.arange(12) + 40, np.arange(12) // 4
    images = rng.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    save_split("train", images, labels, ids, folds)
    save_split("validation", None, labels, ids, folds)
    card = DatasetCard("d", "d", "0", ("cat", "dog", "eel"), (8, 8, 3), {"validation": 12}, seed=0)
    save_dataset_card(card, pd.DataFrame({"id": []}))
    examples = load_example_images(3)
    assert sorted(examples.ids) == [40, 41, 42, 43]
    for pixels, id_ in zip(examples.pixels, examples.ids, strict=True):
        assert (pixels == images[id_ - 40]).all()


def test_enlarging_keeps_every_pixel(rng):
    image = rng.integers(0, 256, (32, 30, 3), dtype=np.uint8)
    large = enlarged(image, 100)
    assert large.shape == (128, 120, 3)
    assert (large[1::4, 2::4] == image).all()
    assert enlarged(large, 100).shape == large.shape
