"""Batches: a new order in each epoch, and rows with their labels and draws."""

import keras
import numpy as np
import pytest
from keras.src.trainers.data_adapters import get_data_adapter

from pipeline.deep.input.augmentation import draw
from pipeline.deep.input.batches import Batches
from pipeline.deep.options import AugmentationOptions

PLAIN = AugmentationOptions()


def numbered(n, width=4):
    return np.arange(n)[:, None] * np.ones((1, width), np.float32)


def one_epoch(batches):
    return np.concatenate([batches[index][1] for index in range(len(batches))])


def test_every_image_at_most_once_with_its_label_in_batches_of_one_shape():
    batches = Batches(numbered(23), np.arange(23), batch_size=5, seed=0, options=PLAIN)
    assert len(batches) == 4
    assert batches.images_per_epoch == 20
    seen = one_epoch(batches)
    assert len(set(seen.tolist())) == len(seen) == 20
    for index in range(4):
        x, y = batches[index]
        assert x.keys() == {"inputs"}
        assert y.dtype == np.int32
        assert x["inputs"].shape == (5, 4)
        assert (x["inputs"][:, 0] == y).all()
        assert (np.diff(y) > 0).all()


def test_different_images_are_left_out_in_each_epoch():
    batches = Batches(numbered(23), np.arange(23), batch_size=5, seed=0, options=PLAIN)
    seen = set()
    for epoch in range(12):
        batches.start_epoch(epoch)
        seen |= set(one_epoch(batches).tolist())
    assert seen == set(range(23))


def test_fewer_images_than_a_batch_make_one_batch():
    batches = Batches(numbered(3), np.arange(3), batch_size=128, seed=0, options=PLAIN)
    assert len(batches) == 1
    assert one_epoch(batches).tolist() == [0, 1, 2]


def test_order_depends_only_on_seed_and_epoch():
    def make(seed):
        return Batches(np.zeros((50, 1)), np.arange(50), 10, seed=seed, options=PLAIN)

    first, second, other = make(3), make(3), make(4)
    first.start_epoch(4)
    second.start_epoch(1)
    second.start_epoch(4)
    assert np.array_equal(one_epoch(first), one_epoch(second))
    second.start_epoch(5)
    assert not np.array_equal(one_epoch(first), one_epoch(second))
    other.start_epoch(4)
    assert not np.array_equal(one_epoch(first), one_epoch(other))


def test_draws_belong_to_their_rows_in_every_epoch():
    options = AugmentationOptions(flip=True, crop=2, cutout=3)
    images = np.zeros((30, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(30)
    images.flags.writeable = False
    batches = Batches(images, np.arange(30), 10, seed=5, options=options)
    for epoch in (0, 3):
        batches.start_epoch(epoch)
        draws = draw(options, 30, (8, 8, 3), seed=5, epoch=epoch)
        for index in range(3):
            x, y = batches[index]
            assert x.keys() == {"inputs", "flip", "offset", "center"}
            assert (x["inputs"][:, 0, 0, 0] == y).all()
            assert all(np.array_equal(x[name], values[y]) for name, values in draws.items())


def test_order_and_draws_use_different_random_numbers():
    n = 1000
    options = AugmentationOptions(flip=True)
    batches = Batches(np.zeros((n, 4, 4, 3)), np.arange(n), 500, seed=1, options=options)
    shares = [batches[index][0]["flip"].mean() for index in range(2)]
    np.testing.assert_allclose(shares, 0.5, atol=0.08)


@pytest.mark.parametrize("kind", [True, "alternating"])
@pytest.mark.parametrize("rows_only", [False, True])
def test_mirrored_features_for_flipped_rows(rows_only, kind):
    features = numbered(40)
    mirrored = features + 100
    for array in (features, mirrored):
        array.flags.writeable = False
    flip = AugmentationOptions(flip=kind)
    batches = Batches(features, np.arange(40), 8, 2, flip, mirrored, rows_only)
    batches.start_epoch(7)
    drawn = draw(flip, 40, (4,), seed=2, epoch=7)["flip"]
    for index in range(5):
        x, y = batches[index]
        assert len(x) == 1
        if rows_only:
            assert x["rows"].dtype == np.int32
            values = np.concatenate([features, mirrored])[x["rows"]]
        else:
            values = x["inputs"]
        np.testing.assert_array_equal(values[:, 0], y + 100 * drawn[y])
    assert features.max() == 39
    assert drawn.any()
    assert not drawn.all()


def test_row_numbers_instead_of_rows():
    batches = Batches(numbered(12), np.arange(12), 4, 0, PLAIN, rows_only=True)
    x, y = batches[1]
    assert x.keys() == {"rows"}
    assert x["rows"].dtype == np.int32
    assert np.array_equal(x["rows"], y)


def test_labels_are_repeated_for_each_output():
    batches = Batches(numbered(12), np.arange(12), 4, 0, PLAIN)
    batches.copies_of_labels = 3
    _, y = batches[0]
    assert isinstance(y, tuple)
    assert len(y) == 3
    assert all(np.array_equal(each, y[0]) for each in y)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data feeds TensorFlow only")
def test_tf_data_does_not_tune_itself_because_its_end_would_wait_for_the_tuner():
    batches = Batches(numbered(23), np.arange(23), batch_size=5, seed=0, options=PLAIN)
    adapter = get_data_adapter(batches, shuffle=False)
    assert adapter.get_tf_dataset().options().autotune.enabled is False
    assert sum(1 for _ in adapter.get_numpy_iterator()) == len(batches)
