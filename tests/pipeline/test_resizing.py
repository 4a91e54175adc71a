"""Resizing: compared with means of areas, and with interpolation by hand."""

from __future__ import annotations

import numpy as np

from pipeline.resizing import resize


def test_an_image_of_the_right_size_is_unchanged(rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert resize(image, 32) is image


def test_shrinking_averages_areas(rng):
    image = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    means = image.reshape(32, 2, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(resize(image, 32) - means).max() <= 0.51


def test_a_long_image_is_averaged_along_one_side_and_interpolated_along_the_other(rng):
    image = rng.integers(0, 256, (8, 64, 3), dtype=np.uint8)
    rows = image.reshape(8, 16, 4, 3).mean(axis=2)
    found = resize(image, 16)
    assert found.shape == (16, 16, 3)
    # Twice the height: new rows lie a quarter and three quarters of the way between old ones.
    np.testing.assert_allclose(found[2], 0.25 * rows[0] + 0.75 * rows[1], atol=1.01)
    np.testing.assert_allclose(found[0], rows[0], atol=0.51)


def test_sides_can_differ(rng):
    image = rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)
    means = image.reshape(4, 2, 2, 3, 3).mean(axis=(1, 3))
    assert np.abs(resize(image, (4, 2)) - means).max() <= 0.51
