"""Planted copies of test images are found; other images are not, however similar."""

import cv2
import numpy as np
import pytest
from skimage import data
from sklearn.datasets import load_digits, load_sample_images

from pipeline.checks import StudyError
from pipeline.data.duplicates import similarity as module
from pipeline.data.duplicates.near_duplicates import (
    SIMILARITY,
    near_duplicates,
    near_duplicates_across_folds,
)
from pipeline.storage.near_duplicates import DUPLICATE_COLUMNS, SimilarityCheck

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def patches():
    """Return 48×48 tiles of four photographs, without uniform ones, in random order."""
    tiles = []
    for photo in (data.astronaut(), data.coffee(), *load_sample_images().images):
        rows, columns = photo.shape[0] // 48, photo.shape[1] // 48
        cut = photo[: rows * 48, : columns * 48].reshape(rows, 48, columns, 48, 3)
        tiles.append(cut.swapaxes(1, 2).reshape(-1, 48, 48, 3))
    joined = np.concatenate(tiles)
    return np.random.default_rng(0).permutation(
        joined[middle(joined).std(axis=(1, 2)).min(axis=1) > 25]
    )


def middle(tiles, down=0, across=0, side=32):
    return tiles[:, 8 + down : 8 + down + side, 8 + across : 8 + across + side]


def split_up(images, n_test=40, n_validation=60):
    """Split images into test, validation and train; ids do not reveal positions."""
    ends = [n_test, n_test + n_validation]
    test, validation, train = np.split(images, ends)
    ids = np.split(1000 + np.arange(len(images))[::-1], ends)
    names = ("test", "validation", "train")
    images = dict(zip(names, (test.copy(), validation.copy(), train.copy()), strict=True))
    return images, dict(zip(names, ids, strict=True))


def as_jpeg(image):
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1]


def lighter(image):
    return np.clip(image * 0.6 + 70, 0, 255).astype(np.uint8)


def tinted(image):
    return np.clip(image * np.array([0.9, 0.8, 0.7]) + [0, 10, 40], 0, 255).astype(np.uint8)


def test_planted_copies_are_found_and_others_are_not(patches):
    images, ids = split_up(middle(patches))
    images["train"][7] = images["test"][0]
    images["train"][8] = lighter(images["test"][1])
    images["validation"][9] = as_jpeg(images["test"][2])
    images["train"][10] = images["test"][3][:, ::-1]
    images["train"][11] = middle(patches[4:5], down=1, across=-1)[0]
    images["validation"][12] = tinted(images["test"][5])[:, ::-1]
    found = near_duplicates(images, ids)
    table = found.pairs
    assert found.check.tells
    assert table["kind"].tolist() == ["exact"] + 5 * ["alike"]
    assert tuple(table) == DUPLICATE_COLUMNS
    expected = {
        (0, "train", 7, False), (1, "train", 8, False), (2, "validation", 9, False),
        (3, "train", 10, True), (4, "train", 11, False), (5, "validation", 12, True),
    }  # fmt: skip
    assert {(row.test_id, row.id, row.split, row.mirrored) for row in table.itertuples()} == {
        (ids["test"][test], ids[split][other], split, mirrored)
        for test, split, other, mirrored in expected
    }
    assert table["similarity"].is_monotonic_decreasing
    assert table["similarity"].between(SIMILARITY, 1).all()
    assert table["similarity"].iloc[0] == pytest.approx(1, abs=1e-5)


def test_of_several_copies_the_most_similar_one_is_named(patches):
    images, ids = split_up(middle(patches))
    images["validation"][0] = as_jpeg(as_jpeg(images["test"][6])[::-1])[::-1]
    images["train"][3] = images["train"][5] = images["test"][6]
    found = near_duplicates(images, ids)
    assert found.pairs[["test_id", "id", "split"]].to_numpy().tolist() == [
        [ids["test"][6], ids["train"][3], "train"]  # the first of two equal ones
    ]
    assert found.copies.to_numpy().tolist() == [
        [ids["train"][5], "train", ids["train"][3], "train"],
        [ids["test"][6], "test", ids["train"][3], "train"],
    ]


def test_images_of_one_color_match_only_the_same_color(patches):
    images, ids = split_up(middle(patches))
    for level, split in enumerate(SPLITS):
        images[split][:5] = 90 + np.arange(5).reshape(-1, 1, 1, 1) + 10 * level
        images[split][5] = np.linspace(90, 91, 32)[:, None, None] + 10 * level
    assert near_duplicates(images, ids).pairs.empty
    images["train"][2] = images["test"][3]
    (pair,) = near_duplicates(images, ids).pairs.itertuples()
    assert (pair.test_id, pair.id, pair.kind) == (ids["test"][3], ids["train"][2], "exact")


@pytest.mark.tried(
    "Images",
    "identical blank images in train and test",
    "each of the test images is an exact copy; nothing else is claimed",
)
def test_identical_blank_images_are_exact_copies():
    images, ids = split_up(np.full((150, 28, 28, 3), 77, np.uint8))
    found = near_duplicates(images, ids)
    assert found.pairs["kind"].tolist() == 40 * ["exact"]
    assert not found.check.tells


@pytest.mark.tried(
    "Images",
    "599 different digits drawn by hand, enlarged to 28 pixels, 120 of them to test",
    "no look-alike is claimed, as training images look as much alike among themselves",
)
def test_different_drawings_are_not_reported_as_copies():
    digits = np.rint(load_digits().images[:599] * (255 / 16)).astype(np.uint8)
    large = [cv2.resize(each, (28, 28), interpolation=cv2.INTER_CUBIC) for each in digits]
    images, ids = split_up(np.repeat(np.stack(large)[..., None], 3, axis=3), 120, 59)
    images["train"][:3] = images["test"][10:13]
    found = near_duplicates(images, ids)
    assert found.check.test_alike > 60  # with the threshold alone
    assert 2 * found.check.alike > found.check.images
    assert sorted(found.pairs["test_id"]) == sorted(ids["test"][10:13])
    assert set(found.pairs["kind"]) == {"exact"}


@pytest.mark.parametrize(
    ("images", "alike", "nearly", "tells"),
    [
        (2000, 74, 86, True),  # CIFAR-10
        (2000, 789, 1037, False),  # 5,000 MNIST images
        (84, 13, 34, False),  # 120 MNIST images
        (100, 0, 20, True),
        (100, 0, 21, False),
        (100, 51, 0, False),
        (0, 0, 0, False),
    ],
)
def test_a_threshold_is_useful_if_few_pairs_within_train_are_near_it(images, alike, nearly, tells):
    assert SimilarityCheck(0.85, images, alike, nearly, test_alike=0).tells == tells


def test_the_check_uses_other_training_images_without_exact_copies(patches):
    images, ids = split_up(middle(patches))
    n = len(images["train"])
    images["train"][3] = images["train"][7]
    images["train"][11] = as_jpeg(images["train"][20])
    check = near_duplicates(images, ids).check
    assert (check.images, check.alike) == (n - 2, 2)
    assert near_duplicates(images, ids, looked_at=20).check.images == 20


def test_scenes_that_share_only_their_lighting_do_not_match(rng):
    """Bright above, dark below: the pixels correlate at 0.99, but the details do not."""
    light = np.linspace(230, 20, 32)[:, None, None]
    scenes = light + rng.normal(0, 6, (60, 32, 32, 3))
    images, ids = split_up(np.clip(scenes, 0, 255).astype(np.uint8), 20, 10)
    rows = images["test"].reshape(20, -1).astype(float)
    assert np.corrcoef(rows).min() > 0.98
    assert near_duplicates(images, ids).pairs.empty


def test_a_shared_frame_is_not_a_match(patches):
    images, ids = split_up(middle(patches))
    for split in SPLITS:
        for edge in (slice(0, 2), slice(30, 32)):
            images[split][:, edge] = images[split][:, :, edge] = 255
    assert near_duplicates(images, ids).pairs.empty


def test_small_and_large_images(patches):
    small = np.stack([cv2.resize(each, (8, 8), interpolation=cv2.INTER_AREA) for each in patches])
    for pictures in (small, patches[:, :, :40]):
        images, ids = split_up(pictures)
        images["train"][2] = lighter(images["test"][1])
        images["train"][4] = images["test"][3][:, ::-1]
        found = near_duplicates(images, ids).pairs
        pairs = set(zip(found["test_id"], found["id"], found["mirrored"], strict=True))
        assert (ids["test"][1], ids["train"][2], False) in pairs
        assert (ids["test"][3], ids["train"][4], True) in pairs


def test_similar_small_drawings_are_not_copies():
    """Most 8×8 digits are similar in their few details."""
    digits = np.rint(load_digits().images[:300] * (255 / 16)).astype(np.uint8)
    images, ids = split_up(np.repeat(digits[..., None], 3, axis=3))
    assert near_duplicates(images, ids, SIMILARITY).check.test_alike > 20
    assert near_duplicates(images, ids).check.test_alike == 0
    images["train"][:5] = images["test"][10:15]
    assert sorted(near_duplicates(images, ids).pairs["test_id"]) == sorted(ids["test"][10:15])


def test_all_test_images_may_be_duplicates(patches):
    images, ids = split_up(middle(patches))
    images["train"][:40] = images["test"]
    table = near_duplicates(images, ids).pairs
    assert sorted(table["test_id"]) == sorted(ids["test"])


def test_blocks_do_not_matter(patches, monkeypatch):
    images, ids = split_up(middle(patches))
    images["train"][30] = as_jpeg(images["test"][20])
    images["validation"][50] = images["test"][39][:, ::-1]
    whole = near_duplicates(images, ids).pairs
    assert len(whole) == 2
    for name, size in (("_BLOCK", 7), ("_QUERY_BLOCK", 3), ("_PAIRS", 2)):
        monkeypatch.setattr(module, name, size)
    again = near_duplicates(images, ids).pairs
    np.testing.assert_allclose(again.pop("similarity"), whole.pop("similarity"), rtol=1e-5)
    assert again.equals(whole)


def test_other_arrays_are_rejected(patches):
    images, ids = split_up(middle(patches))
    images["validation"] = images["validation"].astype(np.float32)
    with pytest.raises(StudyError, match=r"images of validation: found .* float32; expected"):
        near_duplicates(images, ids)


def test_copies_and_look_alikes_are_found_across_folds_alone(patches):
    images = middle(patches)[:120].copy()
    folds, ids = np.arange(120) % 3, 1000 + np.arange(120)[::-1]
    images[31] = images[0]  # of fold 1, and 0
    images[33] = images[3]  # both of fold 0
    images[41] = lighter(images[6])  # of fold 2, and 0
    found = near_duplicates_across_folds(images, ids, folds)
    pairs = {(row.test_id, row.id, row.kind) for row in found.pairs.itertuples()}
    one, other = ids[0], ids[31]
    bright, dark = ids[41], ids[6]
    assert pairs == {
        (one, other, "exact"), (other, one, "exact"),
        (bright, dark, "alike"), (dark, bright, "alike"),
    }  # fmt: skip
    assert set(found.pairs["split"]) == {"train"}
    assert len(found.copies) == 2
