"""Features of resized images: the same as those of images that were resized by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features import pretrained
from pipeline.features.drawing import learned_picture, picture
from pipeline.features.resized import Resized, build_extractor
from pipeline.resizing import resize
from pipeline.storage.object_files import load_object, save_object

PATCHES = {"method": "patches", "count": 20, "samples": 2000, "image_size": 16}
ENTRIES = {
    "raw": {"method": "raw", "image_size": 16},
    "hog": {"method": "hog", "image_size": 48},
    "color": {"method": "color_histogram", "image_size": 20},
    "patches": PATCHES,
}


@pytest.fixture(scope="module")
def images(photo_patches):
    return photo_patches[::20].copy()


def spec_of(entry):
    return registry.parse("features", entry, "features.x")


def extractor_of(entry, images):
    return build_extractor(spec_of(entry), 0, images.shape[1:3]).fit(images)


@pytest.mark.parametrize("name", ENTRIES)
def test_features_are_those_of_resized_images(name, images):
    entry = ENTRIES[name]
    by_hand = np.stack([resize(each, entry["image_size"]) for each in images])
    plain = spec_of(entry | {"image_size": None}).build(0).fit(by_hand)
    expected = plain.transform(by_hand)
    extractor = extractor_of(entry, images)
    np.testing.assert_array_equal(extractor.transform(images), expected)
    found, seconds = extractor.transform_split(images, "train")
    np.testing.assert_array_equal(found, expected)
    assert seconds > 0
    mirrored, _ = extractor.transform_split(images, "train", mirrored=True)
    np.testing.assert_array_equal(
        mirrored, plain.transform(np.ascontiguousarray(by_hand[:, :, ::-1]))
    )
    assert extractor.n_parameters == plain.n_parameters
    assert extractor.multiply_adds((32, 32, 3)) == plain.multiply_adds(by_hand.shape[1:])
    assert extractor.record() == plain.record()


def test_nothing_changes_for_images_of_this_size(images):
    for size in (None, 32):
        extractor = extractor_of({"method": "hog", "image_size": size}, images)
        assert type(extractor).__name__ == "Hog"


def test_images_are_resized_in_blocks(images, monkeypatch):
    extractor = extractor_of(ENTRIES["raw"], images)
    expected = extractor.transform(images)
    monkeypatch.setattr("pipeline.features.resized._BLOCK_VALUES", 3 * 32 * 32 * 2)
    seen = []
    transform = extractor.extractor.transform
    monkeypatch.setattr(
        extractor.extractor, "transform", lambda block: seen.append(len(block)) or transform(block)
    )
    np.testing.assert_array_equal(extractor.transform(images), expected)
    assert set(seen) <= {1, 2}
    assert sum(seen) == len(images)


def test_it_is_stored_and_drawn(images, tmp_path):
    extractor = extractor_of(PATCHES, images)
    save_object(tmp_path / "extractor.npz", extractor)
    copy = load_object(tmp_path / "extractor.npz", "transform", "extract it")
    assert isinstance(copy, Resized)
    np.testing.assert_array_equal(copy.transform(images), extractor.transform(images))
    np.testing.assert_array_equal(learned_picture(copy), learned_picture(copy.extractor))
    small = copy.seen(images[:1])[0]
    np.testing.assert_array_equal(picture(copy, images[0]), picture(copy.extractor, small))


def test_symmetric_features_of_mirror_images_need_no_second_pass(images):
    class Mirroring:
        def mirrored(self, features):
            return -features

    assert Resized(Mirroring(), (8, 8)).mirrored(np.float32([1])) == -1


def test_images_that_become_too_small_are_refused(images):
    with pytest.raises(StudyError, match="hog: found images of 12×12 pixels; expected at least 16"):
        extractor_of({"method": "hog", "image_size": 12}, images)


def test_a_base_averages_areas_and_enlarges_itself(images, photo_patches):
    spec = pretrained.Spec(weights="random", image_size=32, layers=["block1_pool"])
    same = build_extractor(spec, 0, (32, 32))
    smaller = build_extractor(spec, 0, (24, 24))
    assert isinstance(same, pretrained.PretrainedFeatures)
    assert isinstance(smaller, pretrained.PretrainedFeatures)
    larger = np.repeat(np.repeat(images[:3], 2, axis=1), 2, axis=2)
    extractor = build_extractor(spec, 0, (64, 64)).fit(larger)
    expected = same.fit(images[:3]).transform(images[:3])
    np.testing.assert_allclose(extractor.transform(larger), expected, rtol=1e-5)
