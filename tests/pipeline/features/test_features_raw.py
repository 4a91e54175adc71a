"""Raw pixels, compared with skimage and OpenCV."""

import cv2
import numpy as np
import pytest
from feature_images import noise
from skimage.color import rgb2gray
from skimage.transform import downscale_local_mean

from pipeline.checks import StudyError
from pipeline.features import drawing
from pipeline.features.raw import Spec


def _raw(images, **options):
    return Spec(**options).build(seed=0).fit(images).transform(images)


def test_pixels_come_row_by_row_in_rgb(photo_patches):
    expected = photo_patches.reshape(len(photo_patches), -1) / 255
    np.testing.assert_allclose(_raw(photo_patches), expected, rtol=1e-6)


def test_gray_is_the_luminance(photo_patches):
    expected = [rgb2gray(image).ravel() for image in photo_patches]
    np.testing.assert_allclose(_raw(photo_patches, gray=True), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 4, 16, 32])
def test_smaller_images_are_means_over_squares(size, photo_patches):
    factor = 32 // size
    expected = [downscale_local_mean(image, (factor, factor, 1)) / 255 for image in photo_patches]
    found = _raw(photo_patches, size=size).reshape(-1, size, size, 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sides_that_do_not_divide_are_weighted_by_area():
    images = noise(5, 37, 45)
    weights = [_overlaps(side, 7) for side in (37, 45)]
    expected = np.einsum("ay,bx,nyxc->nabc", *weights, images / 255)
    found = _raw(images, size=7).reshape(-1, 7, 7, 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    gray = _raw(images, size=7, gray=True).reshape(-1, 7, 7)
    np.testing.assert_allclose(gray, expected @ [0.2125, 0.7154, 0.0721], atol=1e-5)


def _overlaps(side, parts):
    """(parts, side): the fraction of each pixel in each of `parts` equal intervals."""
    edges = np.linspace(0, side, parts + 1)
    pixels = np.arange(side)
    high = np.minimum(edges[1:, None], pixels + 1)
    low = np.maximum(edges[:-1, None], pixels)
    return np.maximum(high - low, 0) * parts / side


def test_values_lie_in_0_to_1():
    white = np.full((2, 31, 29, 3), 255, dtype=np.uint8)
    for options in ({}, {"gray": True}, {"size": 7}, {"size": 7, "gray": True}):
        np.testing.assert_allclose(_raw(white, **options), 1, atol=1e-6)
        assert _raw(white, **options).max() <= 1
        assert not _raw(white * 0, **options).any()


def test_the_picture_shows_the_pixels_that_are_kept(photo_patches):
    image = photo_patches[0]
    picture = drawing.picture(Spec(size=8).build(seed=0), image)
    assert picture.shape == (248, 248, 3)
    expected = cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(picture[15::31, 15::31].astype(int), expected, atol=1)
    assert np.ptp(picture[:31, :31], axis=(0, 1)).max() == 0
    gray = drawing.picture(Spec(gray=True).build(seed=0), image)
    np.testing.assert_array_equal(gray[..., 0], gray[..., 2])
    wide = drawing.picture(Spec().build(seed=0), noise(1, 10, 40)[0])
    assert all(128 <= side <= 512 for side in wide.shape[:2])


def test_images_smaller_than_the_size_are_rejected(photo_patches):
    with pytest.raises(StudyError, match=r"32×32 pixels; expected at least 33×33.*smaller size"):
        Spec(size=33).build(seed=0).fit(photo_patches)
