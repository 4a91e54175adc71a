"""Pixels that a stored run would answer wrongly, and what it says instead."""

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.storage.pixel_checks import check_pixels

SHAPE = (8, 8, 3)
RIGHT = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), dtype=np.uint8)
WRONG = {
    "pixels in 0..1": (RIGHT / 255, "scale them with: np.rint(255 * images)"),
    "float pixels in 0..255": (RIGHT.astype(np.float32), "convert them with: np.rint(images)"),
    "integers of 64 bits": (RIGHT.astype(np.int64), "convert them with: np.rint(images)"),
    "standardized pixels": (RIGHT / 127.5 - 1, "undo the preprocessing"),
    "not a number": (np.full((5, *SHAPE), np.nan), "undo the preprocessing"),
    "booleans": (RIGHT > 9, "scale them with"),
    "one channel": (RIGHT[..., :1], r"np.repeat(images.reshape(-1, 8, 8, 1), 3, axis=3)"),
    "no channel": (RIGHT[..., 0], r"np.repeat(images.reshape(-1, 8, 8, 1), 3, axis=3)"),
    "one image": (RIGHT[0], "images[None]"),
    "one gray image": (RIGHT[0, ..., 0], "Pass a batch of RGB images"),
    "channels first": (np.moveaxis(RIGHT, 3, 1), "np.moveaxis(images, 1, 3)"),
    "an alpha channel": (np.repeat(RIGHT, 2, axis=3)[..., :4], "Blend transparent pixels"),
    "another size": (np.repeat(RIGHT, 2, axis=1), "resize(image, 8)"),
    "features": (RIGHT.reshape(5, -1), "Pass a batch of RGB images"),
    "rounded before they were scaled": (RIGHT // 255 | 1, "multiply by 255 before rounding"),
    "no image": (RIGHT[:0], "found no image"),
    "a list of paths": (["cat.jpg"], "read(paths)"),
}


OF_GRAY = {
    "colors": (RIGHT, "np.stack([pipeline.channels.as_gray(image) for image in images])"),
    "no channel": (RIGHT[..., 0], "images[..., None]"),
    "one image without a channel": (RIGHT[0, ..., 0], "images[None, ..., None]"),
    "one image": (RIGHT[0, ..., :1], "images[None]"),
    "another size": (np.repeat(RIGHT[..., :1], 2, axis=1), "read files with: read(paths)"),
    "pixels in 0..1": (RIGHT[..., :1] / 255, "np.rint(255 * images)"),
}


@pytest.mark.parametrize("case", OF_GRAY)
def test_a_run_on_gray_images_wants_one_channel(case):
    images, advice = OF_GRAY[case]
    check_pixels(RIGHT[..., :1], (8, 8, 1), "run 'x'")
    with pytest.raises(StudyError) as reported:
        check_pixels(images, (8, 8, 1), "run 'x'")
    assert "expected (n, 8, 8, 1) uint8, gray, values from 0 to 255. " in str(reported.value)
    assert advice in str(reported.value)


def test_right_pixels_pass():
    check_pixels(RIGHT, SHAPE, "run 'x'")
    check_pixels(RIGHT[:1] * 0, SHAPE, "run 'x'")


@pytest.mark.tried(
    "Prediction",
    "pixels of another range, kind of number, rank, order of axes, number of channels or size",
    "an error that says what was found, what is expected and how to convert it",
)
@pytest.mark.parametrize("case", WRONG)
def test_other_pixels_are_refused_with_what_to_do(case):
    images, advice = WRONG[case]
    with pytest.raises(StudyError) as reported:
        check_pixels(images, SHAPE, "run 'x'")
    assert str(reported.value).startswith("run 'x': found ")
    assert "expected" in str(reported.value)
    assert advice in str(reported.value)
