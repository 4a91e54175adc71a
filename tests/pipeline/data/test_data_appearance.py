"""What images look like, in numbers that tell kinds of images apart."""

import numpy as np
import pytest

from pipeline.data.appearance import GROUPS, AppearanceFeatures, appearance


def smooth(n, rng, side=64):
    coarse = rng.integers(0, 256, (n, 4, 4, 3)).astype(float)
    return coarse.repeat(side // 4, 1).repeat(side // 4, 2).astype(np.uint8)


@pytest.mark.parametrize("shape", [(5, 5), (32, 32), (64, 96), (300, 200)])
def test_images_of_any_size_have_finite_numbers(shape, rng):
    images = rng.integers(0, 256, (2, *shape, 3)).astype(np.uint8)
    images[1] = 0
    found = appearance(images)
    assert found.shape == (2, sum(GROUPS))
    assert np.isfinite(found).all()


def test_numbers_are_what_they_are_called():
    red = np.zeros((1, 16, 16, 3), np.uint8)
    red[..., 0] = 255
    thumbnail, statistics, details = np.split(appearance(red)[0], np.cumsum(GROUPS)[:-1])
    np.testing.assert_allclose(thumbnail.reshape(4, 4, 3), [[[1 / 3, 1 / 2, 1 / 4]] * 4] * 4)
    np.testing.assert_allclose(statistics, [1 / 3, 1 / 2, 1 / 4, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(details, np.log(1 / 255), atol=1e-4)


def test_detail_of_another_scale_is_farther_than_other_colors(rng):
    known = smooth(200, rng)
    looks = AppearanceFeatures(known)

    def nearest(images):
        return np.linalg.norm(looks.of(images)[:, None] - looks.known, axis=2).min(axis=1)

    noise = rng.integers(0, 256, (20, 64, 64, 3)).astype(np.uint8)
    assert nearest(noise).min() > 2 * nearest(smooth(50, rng)).max()
