"""Requirements for every extractor, including future ones."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features.spec import Extractor, FeatureSpec, batch_size, batches
from pipeline.storage.object_files import load_object, save_object

METHODS = registry.method_names("features")
OPTIONS = {
    "patches": {"count": 100, "samples": 20_000},
    "pretrained": {"weights": "random", "image_size": 32, "layers": ["block1_pool"]},
    "symmetric_patches": {
        **{"count": 60, "samples": 20_000, "channels": 20, "components": 40, "images": 200},
    },
}
"""Options for methods whose defaults need a download or take long."""


@pytest.fixture(scope="module")
def images(photo_patches):
    return photo_patches[::4].copy()


@pytest.fixture(scope="module", params=METHODS)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(method, images):
    return _build(method).fit(images)


def _build(method, seed=0):
    entry = {"method": method, **OPTIONS.get(method, {})}
    return registry.parse("features", entry, "features.x").build(seed=seed)


def test_there_are_extractors():
    assert {"color_histogram", "hog"} <= set(METHODS)


def test_spec_is_a_feature_spec_with_described_options(method):
    spec = registry.load_spec("features", method)
    assert issubclass(spec, FeatureSpec)
    assert spec().method == method
    assert spec.family in ("classical", "hybrid")
    assert all(field.description for field in spec.model_fields.values())


def test_vectors_are_finite_float32(fitted, images):
    features = fitted.transform(images)
    assert isinstance(fitted, Extractor)
    assert features.shape == (len(images), features.shape[1])
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert np.ptp(features, axis=0).max() > 0  # features differ between images


def test_fit_returns_self_and_counts_its_parameters(method, images):
    extractor = _build(method)
    assert extractor.fit(images) is extractor
    assert extractor.n_parameters >= 0


def test_multiply_adds_are_counted_and_grow_with_the_image(method, fitted):
    small, large = (fitted.multiply_adds((side, side, 3)) for side in (32, 64))
    assert type(small) is int
    if method == "raw":
        assert small == large == 0  # unchanged pixels
    elif method == "pretrained":
        assert small == large > 0  # images are resized
    else:
        assert 0 < small < large


def test_the_length_of_a_vector_is_known_before_any_image(method, fitted, images):
    entry = {"method": method, **OPTIONS.get(method, {})}
    spec = registry.parse("features", entry, "features.x")
    width = fitted.transform(images[:1]).shape[1]
    assert spec.features_per_image((32, 32)) == width
    assert FeatureSpec.features_per_image(_build("raw").spec, (32, 32)) == 32 * 32 * 3


def test_the_order_and_number_of_images_do_not_matter(fitted, images):
    features = fitted.transform(images)
    order = np.random.default_rng(0).permutation(len(images))
    near = {"atol": 1e-6 * max(1, np.abs(features).max()), "rtol": 1e-6}
    np.testing.assert_allclose(fitted.transform(images[order]), features[order], **near)
    np.testing.assert_allclose(fitted.transform(images[3:4]), features[3:4], **near)


def test_the_same_seed_gives_the_same_features(method, fitted, images):
    again = _build(method).fit(images)
    np.testing.assert_array_equal(again.transform(images), fitted.transform(images))


def test_stored_files_are_byte_identical(method, fitted, images, tmp_path):
    again = _build(method).fit(images)
    copies = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for path, extractor in zip(copies, (fitted, again), strict=True):
        save_object(path, extractor)
    assert copies[0].read_bytes() == copies[1].read_bytes()
    copy = load_object(copies[0], "transform", "extract it")
    save_object(copies[1], copy)
    assert copies[0].read_bytes() == copies[1].read_bytes()
    np.testing.assert_array_equal(copy.transform(images), fitted.transform(images))
    assert copy.n_parameters == fitted.n_parameters


def test_accepts_a_read_only_memory_map(method, fitted, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    features = _build(method).fit(mapped).transform(mapped)
    assert type(features) is np.ndarray
    np.testing.assert_array_equal(features, fitted.transform(images))
    np.testing.assert_array_equal(mapped, images)


def test_input_is_not_changed_and_may_be_a_view(fitted, images):
    before = images.copy()
    backwards = fitted.transform(images[::-1, :, ::-1])
    np.testing.assert_array_equal(images, before)
    straight = fitted.transform(np.ascontiguousarray(images[::-1, :, ::-1]))
    np.testing.assert_array_equal(backwards, straight)


def test_features_of_mirror_images_are_those_of_flipped_pixels(fitted, images):
    features = fitted.transform(images)
    before = features.copy()
    mirrored = fitted.mirrored(features)
    np.testing.assert_array_equal(features, before)
    if mirrored is None:
        return
    assert mirrored.dtype == np.float32
    flipped = fitted.transform(np.ascontiguousarray(images[:, :, ::-1]))
    np.testing.assert_allclose(mirrored, flipped, rtol=0, atol=1e-3 * np.abs(features).max())
    assert np.abs(flipped - features).max() > 0.1 * np.abs(features).max()  # nor are they the same


def test_flat_images_give_finite_vectors(fitted):
    for level in (0, 127, 255):
        flat = np.full((2, 32, 32, 3), level, dtype=np.uint8)
        assert np.isfinite(fitted.transform(flat)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 32, 32, 3), dtype=np.float32),
        np.zeros((2, 32, 32), dtype=np.uint8),
        np.zeros((2, 3, 32, 32), dtype=np.uint8),
        np.zeros((0, 32, 32, 3), dtype=np.uint8),
    ],
    ids=["float", "gray", "channels first", "none"],
)
def test_other_arrays_are_rejected(method, fitted, wrong):
    with pytest.raises(StudyError, match="expected"):
        _build(method).fit(wrong)
    with pytest.raises(StudyError, match="expected"):
        fitted.transform(wrong)


def test_the_smallest_side_is_read_and_a_smaller_one_refused(method, images):
    extractor = _build(method)
    side = extractor.spec.smallest_side()
    crops = [images[:, y : y + side, x : x + side] for y in range(0, 9, 2) for x in range(0, 9, 2)]
    found = extractor.fit(np.concatenate(crops)).transform(crops[0])
    assert found.shape == (len(images), found.shape[1])
    assert np.isfinite(found).all()
    too_small = images[:2, : side - 1]
    if side == 1:
        return
    message = rf"{method}: found images of {side - 1}×32 pixels; expected at least {side}×{side}"
    for refused in (_build(method).fit, extractor.transform, extractor.spec.check_images):
        with pytest.raises(StudyError, match=message):
            refused(too_small)
    assert extractor.spec.size_advice(), "what to choose instead"


def test_the_number_of_threads_does_not_matter(method, fitted, photo_patches):
    images = photo_patches if method != "pretrained" else photo_patches[:20]
    with threadpool_limits(1):
        alone = fitted.transform(images)
    with threadpool_limits(2):
        together = fitted.transform(images)
    near = 1e-6 * max(1, np.abs(alone).max())
    np.testing.assert_allclose(together, alone, rtol=1e-6, atol=near)


def test_batches_cover_all_images_once_and_are_small():
    images = np.arange(7 * 4 * 4 * 3, dtype=np.uint8).reshape(7, 4, 4, 3)
    size = batch_size(images.shape, pixels=3 * 16, dimension=10)
    runs = list(batches(images, size))
    assert [len(batch) for _, batch in runs] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([batch for _, batch in runs]), images)
    assert batch_size(images.shape, pixels=1, dimension=1) == 1
    assert batch_size((1000, 1, 1, 3), pixels=1 << 16, dimension=1 << 22) == 2
