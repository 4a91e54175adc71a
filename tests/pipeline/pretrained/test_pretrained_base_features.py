"""Features of a frozen base: computed once, and again when anything they depend on changes."""

import shutil
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from pipeline.pretrained.base import load_base
from pipeline.pretrained.base_features import JoinedRows, base_features
from pipeline.pretrained.frozen import FrozenBase, Part
from pipeline.pretrained.kept_parts import array_digest, locked, part_keys

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)


def parts(*layers, pooling="average", boundary=None):
    found = tuple(Part(layer, pooling) for layer in layers)
    return (*found, Part(boundary, "map")) if boundary else found


def frozen(*layers, pooling="average", boundary=None, size=32, seed=0, precision="float32"):
    read = parts(*(layers or ("block1_pool",)), pooling=pooling, boundary=boundary)
    return FrozenBase("vgg16", "random", size, precision, read, seed)


def keys(base, images=IMAGES, mirrored=False):
    return part_keys(base.outputs((32, 32, 3)), images, mirrored, array_digest(images))


@pytest.fixture(autouse=True)
def no_study(tmp_path, monkeypatch):
    """Work in a folder without params.yaml, so that no other parts are computed."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_the_cache_returns_the_features_and_the_original_seconds(cache, computed):
    first = base_features(frozen(), IMAGES, "train", cache)
    second = base_features(frozen(), IMAGES, "train", cache)
    assert computed == ["train"]
    np.testing.assert_array_equal(first.values, second.values)
    assert second.seconds == first.seconds > 0
    expected = frozen().model().predict(IMAGES, verbose=0)
    np.testing.assert_allclose(first.values, expected, atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        frozen("block1_conv2"),
        frozen(pooling="max"),
        frozen(size=48),
        frozen(seed=1),
        frozen(precision="bfloat16"),
        replace(frozen(), parts=(Part("block1_pool", "map"),)),
    ],
    ids=["layer", "pooling", "size", "weights", "precision", "map"],
)
def test_a_different_part_has_a_different_key(other):
    assert keys(other) != keys(frozen())
    assert keys(frozen()) == keys(frozen())


def test_the_key_of_a_part_does_not_depend_on_the_others():
    """Deeper parts need more weights; the shallow one is the same."""
    alone = keys(frozen("block1_conv2"))
    several = keys(frozen("block3_pool", "block1_conv2", boundary="block2_pool"))
    assert several[1] == alone[0]
    assert len(set(several)) == 3


def test_one_changed_pixel_and_mirroring_change_the_key():
    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    assert len({*keys(frozen(), changed), *keys(frozen()), *keys(frozen(), mirrored=True)}) == 3


def test_mirrored_images_are_a_separate_set(cache, computed):
    small = frozen("block2_pool", pooling="flatten")
    straight = base_features(small, IMAGES, "train", cache)
    mirrored = base_features(small, IMAGES, "train", cache, mirrored=True)
    flipped = small.model().predict(IMAGES[:, :, ::-1], verbose=0)
    np.testing.assert_allclose(mirrored.values, flipped, rtol=1e-4, atol=1e-4 * flipped.max())
    assert np.abs(mirrored.values - straight.values).max() > 0.1 * flipped.max()
    again = base_features(small, IMAGES, "train", cache, mirrored=True)
    np.testing.assert_array_equal(again.values, mirrored.values)
    assert computed == ["train", "train, mirrored"]


@pytest.mark.parametrize("cached", [False, True])
def test_half_precision_is_kept(cache, cached):
    deep = frozen("block1_pool", boundary="block2_pool")
    found = base_features(deep, IMAGES, "train", cache if cached else None).values
    assert found.dtype == np.float16
    assert found.shape == (20, 64 + 8 * 8 * 128)
    assert isinstance(found, JoinedRows) is cached
    np.testing.assert_array_equal(found[:], deep.model((32, 32, 3)).predict_on_batch(IMAGES))
    full = frozen("block1_pool").model().predict(IMAGES, verbose=0)
    np.testing.assert_allclose(found[:][:, :64], full, rtol=1e-3, atol=1e-2)


def test_joined_rows_read_like_an_array():
    rng = np.random.default_rng(0)
    left, right = rng.random((9, 3), np.float32) * 1e5, rng.random((9, 2)).astype(np.float16)
    joined = JoinedRows([left, right], np.float16)
    whole = np.concatenate([np.minimum(left, 65504).astype(np.float16), right], axis=1)
    assert (joined.shape, joined.ndim, joined.dtype) == (whole.shape, 2, np.float16)
    assert (joined.size, joined.nbytes, len(joined)) == (whole.size, whole.nbytes, 9)
    for rows in (3, slice(2, 7), np.array([5, 1, 1]), slice(None)):
        np.testing.assert_array_equal(joined[rows], whole[rows])
    np.testing.assert_array_equal(np.asarray(joined), whole)
    np.testing.assert_array_equal(np.asarray(joined, dtype=np.float64), whole)


def test_memory_holds_only_batches(cache, monkeypatch):
    """79 MB of features; Python's peak allocation is a few batches of 4 MB."""
    monkeypatch.setattr("pipeline.inference.ACTIVATION_BYTES", 2**22)
    wide = frozen("block1_conv1", pooling="flatten")
    images = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    wide.outputs((32, 32, 3)).predict_on_batch(images[:2])
    tracemalloc.start()
    values = base_features(wide, images, "train", cache).values
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.nbytes == 300 * 32 * 32 * 64 * 4
    assert peak < 0.3 * values.nbytes


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
def test_a_damaged_cache_is_recomputed(cache, computed, harm):
    first = np.array(base_features(frozen(), IMAGES, "train", cache).values)
    harm(cache)
    second = base_features(frozen(), IMAGES, "train", cache)
    np.testing.assert_array_equal(first, second.values)
    base_features(frozen(), IMAGES, "train", cache)
    assert computed == ["train", "train"]


def test_nothing_is_kept_without_a_cache(computed):
    for _ in range(2):
        base_features(frozen(), IMAGES, "train", None)
    assert computed == ["train", "train"]


def test_a_shallow_part_counts_with_its_share_of_a_pass(cache):
    """The pass up to block3_pool computes both; block1_conv1 alone would be a small part of it."""
    both = frozen("block1_conv1", "block3_pool")
    deep = base_features(both, IMAGES, "train", cache).seconds
    shallow = base_features(frozen("block1_conv1"), IMAGES, "train", cache).seconds
    adds = [both.network.multiply_adds([layer], 32) for layer in both.layers]
    assert shallow / deep == pytest.approx(adds[0] / adds[1])


@pytest.mark.parametrize("base", ["vgg16", "efficientnet_lite0"])
def test_one_layer_may_be_read_in_two_forms(base, cache):
    """A feature set may read the mean of a layer, and a network its map."""
    layer = load_base(base).layer_names[3]
    read = Part(layer, "average"), Part(layer, "map")
    both = FrozenBase(base, "random", 32, "float32", read, 0)
    found = np.asarray(base_features(both, IMAGES[:3], "train", cache).values[:], dtype=np.float32)
    channels = both.network.output_shape(layer, 32)[-1]
    means = found[:, channels:].reshape(3, -1, channels).mean(axis=1)
    np.testing.assert_allclose(means, found[:, :channels], rtol=5e-3, atol=1e-3)


def test_progress_says_how_much_is_left(capsys):
    images = np.zeros((6000, 1, 1, 3), np.uint8)
    base_features(frozen("block1_conv1"), images, "test", None)
    lines = capsys.readouterr().out.splitlines()
    assert 8 <= len(lines) <= 10
    assert "left" in lines[0]
    assert lines[-1].startswith("VGG16, test: 6,000 of 6,000 images")


def test_two_processes_do_not_compute_the_same(cache, computed, tmp_path, capsys):
    """The second waits, as any process that finds the lock taken, and then finds the parts.

    What another process computes of other images holds up nobody.
    """
    elsewhere = tmp_path / "elsewhere"
    expected = np.array(base_features(frozen(), IMAGES, "train", elsewhere).values)
    computed.clear()
    with ThreadPoolExecutor(1) as pool:
        with locked(cache, f"VGG16, mirrored: False, {array_digest(IMAGES)}"):
            base_features(frozen(), IMAGES[:2], "train", cache)
            assert "waiting" not in capsys.readouterr().out
            computed.clear()
            second = pool.submit(base_features, frozen(), IMAGES, "train", cache)
            output = ""
            while "waiting for another process" not in output:
                assert not second.done(), second.result()
                output += capsys.readouterr().out
                time.sleep(0.01)
            shutil.copytree(elsewhere, cache, dirs_exist_ok=True)
        np.testing.assert_array_equal(second.result().values, expected)
    assert computed == []
