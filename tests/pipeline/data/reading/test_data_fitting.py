"""Squares of images that are not square: which pixels they hold, also of rotated photographs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data.reading.decoding import decode, decode_small
from pipeline.data.reading.fitting import FILL, Target

SIDES = [(12, 8), (8, 12), (13, 8), (8, 13), (9, 9)]


def png(pixels: np.ndarray, orientation: int = 1) -> bytes:
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(stream, "PNG", exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sides", SIDES)
def test_the_center_of_the_upright_image_is_kept(rng, sides, orientation):
    content = png(rng.integers(0, 256, (*sides, 3), dtype=np.uint8), orientation)
    upright = decode(content)
    height, width = upright.shape[:2]
    side = min(sides)
    top, left = (height - side) // 2, (width - side) // 2
    expected = upright[top : top + side, left : left + side]
    np.testing.assert_array_equal(decode_small(content, Target(side, "crop")).pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sides", SIDES)
def test_padding_keeps_the_whole_upright_image(rng, sides, orientation):
    content = png(rng.integers(0, 256, (*sides, 3), dtype=np.uint8), orientation)
    upright = decode(content)
    height, width = upright.shape[:2]
    side = max(sides)
    expected = np.full((side, side, 3), 7, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    expected[top : top + height, left : left + width] = upright
    np.testing.assert_array_equal(decode_small(content, Target(side, "pad", 7)).pixels, expected)


def test_a_padded_image_keeps_its_aspect_ratio():
    content = png(np.full((20, 40, 3), 200, dtype=np.uint8))
    pixels = decode_small(content, Target(10, "pad")).pixels
    assert pixels[:, 0, 0].tolist() == [FILL] * 2 + [200] * 5 + [FILL] * 3


def test_a_line_of_pixels_can_be_padded():
    assert decode_small(png(np.zeros((1, 90, 3), np.uint8)), Target(8, "pad")).pixels.shape == (
        8,
        8,
        3,
    )


def test_squashing_uses_all_of_the_image():
    halves = np.zeros((10, 20, 3), dtype=np.uint8)
    halves[:, 10:] = 255
    pixels = decode_small(png(halves), Target(10, "squash")).pixels
    assert pixels[0, :, 0].tolist() == [0] * 5 + [255] * 5


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_an_image_of_the_right_size_is_unchanged(rng, fit):
    pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_small(png(pixels), Target(8, fit)).pixels, pixels)
