"""Every extractor on gray images: one channel is enough, or the method says why it is not."""

import numpy as np
import pytest
from test_features_contract import METHODS, OPTIONS

from pipeline.channels import as_rgb
from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features.drawing import learned_picture, picture
from pipeline.features.resized import build_extractor

COLOR_ONLY = {"color_histogram"}
SAME_AS_RGB = {"hog", "lbp", "pretrained"}
"""Methods that turn colors into gray, or gray into colors, so that equal channels add nothing."""
GRAY = [method for method in METHODS if method not in COLOR_ONLY]


@pytest.fixture(scope="module")
def images(photo_patches):
    return photo_patches[::4, :, :, 1:2].copy()


def spec_of(method, **options):
    entry = {"method": method, **OPTIONS.get(method, {}), **options}
    return registry.parse("features", entry, "features.x")


@pytest.fixture(scope="module", params=GRAY)
def fitted(request, images):
    return spec_of(request.param).build(0).fit(images)


def test_gray_images_have_vectors_of_the_length_that_is_known_before(fitted, images):
    features = fitted.transform(images)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert np.ptp(features, axis=0).max() > 0
    assert features.shape == (len(images), fitted.spec.features_per_image((32, 32), 1))
    np.testing.assert_allclose(fitted.transform(images[3:4]), features[3:4], rtol=1e-5, atol=1e-5)


def test_one_channel_costs_no_more_than_three(fitted):
    one, three = (fitted.multiply_adds((32, 32, channels)) for channels in (1, 3))
    assert 0 <= one <= three
    assert one < three or fitted.spec.method in ("raw", "pretrained")


def test_gray_images_are_drawn_in_rgb(fitted, images):
    for drawn in (picture(fitted, images[0]), learned_picture(fitted)):
        if drawn is not None:
            assert drawn.ndim == 3
            assert drawn.shape[2] == 3
            assert np.ptp(drawn) > 50


def test_gray_images_can_be_resized(fitted, images):
    smaller = np.ascontiguousarray(images[:, ::2, ::2])
    extractor = build_extractor(spec_of(fitted.spec.method, image_size=32), 0, (16, 16))
    found = extractor.fit(np.tile(smaller, (4, 1, 1, 1))).transform(smaller)
    assert len(found) == len(images)
    assert extractor.multiply_adds((16, 16, 1)) == fitted.multiply_adds((32, 32, 1))


def extractors(method):
    options = [{}]
    if method == "hog":
        options = [
            {"channel": channel, "transform_sqrt": root, "convention": convention}
            for channel in ("gray", "strongest")
            for root in (False, True)
            for convention in ("skimage", "dalal_triggs")
        ]
    return [spec_of(method, **each).build(0) for each in options]


@pytest.mark.parametrize("method", sorted(SAME_AS_RGB))
def test_three_equal_channels_add_nothing(method, images):
    for extractor in extractors(method):
        one = extractor.fit(images).transform(images)
        three = extractor.fit(as_rgb(images)).transform(as_rgb(images))
        np.testing.assert_allclose(one, three, rtol=1e-5, atol=1e-6 * np.abs(three).max())


def test_raw_keeps_each_pixel_once(images):
    found = spec_of("raw").build(0).fit(images).transform(images)
    np.testing.assert_allclose(found, images.reshape(len(images), -1) / 255, rtol=1e-6)
    assert spec_of("raw", gray=True).build(0).fit(images).transform(images).shape == found.shape


@pytest.mark.parametrize("method", sorted(COLOR_ONLY))
def test_what_needs_colors_refuses_gray_images_and_says_what_to_use(method, images):
    spec = spec_of(method)
    for refused in (spec.build(0).fit, spec.build(0).transform):
        with pytest.raises(StudyError, match=rf"{method} .* gray images.*expected color.*hog"):
            refused(images)
    spec.check_channels(3)
