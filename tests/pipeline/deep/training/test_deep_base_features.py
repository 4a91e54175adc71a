"""Features of a frozen base: computed once, and again when anything they depend on changes."""

import json
import shutil
import tracemalloc

import keras
import numpy as np
import pytest
from deep_cases import deep_spec, splits

from pipeline.deep.training import base_features as module
from pipeline.deep.training.base_features import base_features, cache_key
from pipeline.pretrained.vgg16 import vgg16_base

IMAGES = splits(3, side=32, sizes=(20, 9, 8))[0]["train"]


def base(*layers, pooling="average", size=32, seed=0, **options):
    layers = layers or ("block1_pool",)
    return vgg16_base("random", size, layers, pooling, seed, (32, 32, 3), **options)


@pytest.fixture
def computed(monkeypatch):
    """The splits that were computed and not read from the cache."""
    seen = []

    def counted(base, images, what):
        seen.append(what.removeprefix("frozen base, "))
        yield from compute(base, images, what)

    compute = module._batches
    monkeypatch.setattr(module, "_batches", counted)
    return seen


def test_the_cache_returns_the_features_and_the_original_seconds(tmp_path, computed):
    first = base_features(base(), IMAGES, "train", tmp_path)
    second = base_features(base(), IMAGES, "train", tmp_path)
    assert computed == ["train"]
    np.testing.assert_array_equal(first.values, second.values)
    assert second.seconds == pytest.approx(first.seconds)
    np.testing.assert_allclose(first.values, base().predict(IMAGES, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        base("block1_conv2"),
        base(pooling="max"),
        base(size=48),
        base(seed=1),
        base(precision="bfloat16"),
        base("block1_conv2", boundary="block1_pool"),
    ],
    ids=["layer", "pooling", "size", "weights", "precision", "boundary"],
)
def test_a_different_base_has_a_different_key(other):
    assert cache_key(other, IMAGES) != cache_key(base(), IMAGES)
    assert cache_key(base(), IMAGES) == cache_key(base(), IMAGES)


def test_the_key_includes_how_layers_are_joined():
    """The same layers, weights and shapes; only the layers in use differ."""
    keys = {
        cache_key(base(*layers), IMAGES)
        for layers in (
            ("block1_conv1", "block2_pool"),
            ("block1_conv2", "block2_pool"),
            ("block2_pool", "block1_conv2"),
        )
    }
    assert len(keys) == 3


def test_one_changed_pixel_changes_the_key():
    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    assert cache_key(base(), changed) != cache_key(base(), IMAGES)


def test_runs_on_the_same_base_share_its_features():
    """The key does not include the head, the training options or later phases."""
    common = {"weights": "random", "image_size": 32, "layers": ["block1_pool"]}
    runs = [
        deep_spec("vgg16_transfer", **common),
        deep_spec("vgg16_transfer", **common, hidden=0, epochs=3, flip=True, schedule="cosine"),
        deep_spec("vgg16_transfer", **common, then=[{"unfreeze": "all"}]),
    ]
    keys = {cache_key(run.phases()[0].frozen_base((32, 32, 3), 0), IMAGES) for run in runs}
    assert len(keys) == 1


def test_mirrored_images_are_a_separate_set(tmp_path, computed):
    small = base("block2_pool", pooling="flatten")
    straight = base_features(small, IMAGES, "train", tmp_path)
    mirrored = base_features(small, IMAGES, "train", tmp_path, mirrored=True)
    flipped = small.predict(IMAGES[:, :, ::-1], verbose=0)
    np.testing.assert_allclose(mirrored.values, flipped, rtol=1e-4, atol=1e-4 * flipped.max())
    assert np.abs(mirrored.values - straight.values).max() > 0.1 * flipped.max()
    again = base_features(small, IMAGES, "train", tmp_path, mirrored=True)
    np.testing.assert_array_equal(again.values, mirrored.values)
    assert computed == ["train", "train, mirrored"]


@pytest.mark.parametrize("cached", [False, True])
def test_half_precision_is_kept(tmp_path, cached):
    deep = base("block1_pool", boundary="block2_pool")
    found = base_features(deep, IMAGES, "train", tmp_path if cached else None).values
    assert found.dtype == np.float16
    assert found.shape == (20, 64 + 8 * 8 * 128)
    assert isinstance(found, np.memmap) is cached
    full = base("block1_pool").predict(IMAGES, verbose=0)
    np.testing.assert_allclose(found[:, :64], full, rtol=1e-3, atol=1e-2)


def test_memory_holds_only_batches(tmp_path):
    """58 MB of features; Python's peak allocation is a few batches of 2.9 MB."""
    wide = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Flatten(dtype="float32"),
            keras.layers.Identity(dtype="float16"),
            keras.layers.RepeatVector(60),
            keras.layers.Flatten(dtype="float16"),
        ]
    )
    images = np.random.default_rng(0).integers(0, 256, (10_000, 4, 4, 3), dtype=np.uint8)
    tracemalloc.start()
    values = base_features(wide, images, "train", tmp_path).values
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.nbytes == 57_600_000
    assert peak < 18_000_000
    rows = [0, 511, 512, 9_999]
    np.testing.assert_array_equal(values[rows], np.tile(images[rows].reshape(4, 48), 60))


def cut_array(folder):
    file = next(folder.glob("*.npy"))
    file.write_bytes(file.read_bytes()[:-5])


def flip_a_bit(folder):
    file = next(folder.glob("*.npy"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def empty_record(folder):
    next(folder.glob("*.json")).write_text("{}")


def drop_record(folder):
    next(folder.glob("*.json")).unlink()


@pytest.mark.parametrize("harm", [cut_array, flip_a_bit, empty_record, drop_record])
def test_a_damaged_cache_is_recomputed(tmp_path, computed, harm):
    first = np.array(base_features(base(), IMAGES, "train", tmp_path).values)
    harm(tmp_path)
    second = base_features(base(), IMAGES, "train", tmp_path)
    np.testing.assert_array_equal(first, second.values)
    base_features(base(), IMAGES, "train", tmp_path)
    assert computed == ["train", "train"]


def test_nothing_is_kept_without_a_cache(tmp_path, computed):
    for _ in range(2):
        base_features(base(), IMAGES, "train", None)
    assert computed == ["train", "train"]


def test_training_counts_cached_seconds_and_reaches_the_same_result(tmp_path, computed):
    from pipeline.deep.training.fitting import train

    images, labels, _ = splits(3, side=32, sizes=(40, 12, 9))
    spec = deep_spec(
        "vgg16_transfer", weights="random", image_size=32, layers=["block2_pool"], epochs=2
    )
    first = train(spec, images, labels, 3, 0, tmp_path)
    for record in tmp_path.glob("*.json"):
        record.write_text(json.dumps({**json.loads(record.read_text()), "seconds": 1000.0}))
    second = train(spec, images, labels, 3, 0, tmp_path)
    assert computed == ["train", "validation", "test"]
    assert 2000 < second.train_seconds < 2100
    assert first.train_seconds < 1000
    learned = [
        result.history[~result.history["metric"].isin(["seconds", "images_per_second"])]
        for result in (first, second)
    ]
    assert learned[0].equals(learned[1])
    np.testing.assert_array_equal(first.scores["test"], second.scores["test"])
    shutil.rmtree(tmp_path)


def test_frozen_weights_do_not_change():
    from pipeline.deep.training.fitting import train

    images, labels, _ = splits(3, side=32, sizes=(40, 12, 9))
    spec = deep_spec(
        "vgg16_transfer",
        weights="random",
        image_size=32,
        layers=["block1_pool"],
        hidden=0,
        epochs=1,
    )
    result = train(spec, images, labels, 3, seed=5)
    inside = result.model.get_layer("vgg16_base").get_layer("block1_conv2").get_weights()
    expected = spec.frozen_base((32, 32, 3), 5).get_layer("block1_conv2").get_weights()
    np.testing.assert_array_equal(inside[0], expected[0])
    trained = [weight.shape for weight in result.model.trainable_weights]
    assert trained == [(64, 3), (3,)]


def test_progress_says_how_much_is_left(capsys):
    small = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D()])
    images = np.zeros((6000, 32, 32, 3), np.uint8)
    base_features(small, images, "test", None)
    lines = capsys.readouterr().out.splitlines()
    assert 8 <= len(lines) <= 10
    assert "left" in lines[0]
    assert lines[-1].startswith("frozen base, test: 6,000 of 6,000 images")
