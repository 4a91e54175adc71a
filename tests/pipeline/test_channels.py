"""Gray and color images: one becomes the other without loss where nothing is lost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.channels import as_gray, as_rgb, named, to_picture, with_channels
from pipeline.checks import StudyError, check_images
from pipeline.resizing import resize


def test_gray_becomes_rgb_and_back_unchanged(rng):
    gray = rng.integers(0, 256, (9, 7, 1), dtype=np.uint8)
    rgb = as_rgb(gray)
    assert rgb.shape == (9, 7, 3)
    assert (rgb == gray).all()
    np.testing.assert_array_equal(as_gray(rgb), gray)
    assert as_rgb(rgb) is rgb
    assert as_gray(gray) is gray


def test_the_gray_of_colors_is_their_luma():
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0], image[0, 1], image[0, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    np.testing.assert_array_equal(
        as_gray(image)[0, :, 0], np.rint(255 * np.r_[0.299, 0.587, 0.114])
    )


def test_pictures_have_pillows_modes(rng):
    for channels, mode in ((1, "L"), (3, "RGB")):
        image = rng.integers(0, 256, (5, 6, channels), dtype=np.uint8)
        picture = to_picture(image)
        assert (picture.mode, picture.size) == (mode, (6, 5))
        np.testing.assert_array_equal(np.asarray(picture).reshape(image.shape), image)
    assert (named(1), named(3)) == ("gray", "RGB")


@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_keeps_the_axis_of_channels(channels, rng):
    image = rng.integers(0, 256, (8, 6, channels), dtype=np.uint8)
    for size in (4, 16, (4, 12), (8, 6)):
        found = resize(image, size)
        rows, columns = (size, size) if isinstance(size, int) else size
        assert (found.shape, found.dtype) == ((rows, columns, channels), np.uint8)
    blurred = with_channels(image, cv2.blur(image, (3, 3)))
    assert blurred.shape == image.shape


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_images_have_one_channel_or_three(channels):
    with pytest.raises(StudyError, match=r"or \(n, height, width, 1\) in gray"):
        check_images(np.zeros((2, 5, 5, channels), np.uint8))
