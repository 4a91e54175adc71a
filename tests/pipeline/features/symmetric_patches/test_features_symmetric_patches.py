"""Symmetric patches, compared with a slow coder; the contract checks their mirror images."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import norm

from pipeline.checks import StudyError
from pipeline.features import drawing
from pipeline.features.patches.dictionary import draw_patches
from pipeline.features.symmetric_patches import components, soft_coding
from pipeline.features.symmetric_patches.components import fit_components
from pipeline.features.symmetric_patches.dictionary import (
    learn_symmetric_dictionary,
    parity_bases,
)
from pipeline.features.symmetric_patches.soft_coding import SoftCoder, gaussian_pooling
from pipeline.features.symmetric_patches.symmetric_patches import (
    Spec,
    across_cells,
    parity_codes,
)

SMALL = {"size": 5, "count": 24, "samples": 3000, "channels": 20, "components": 16, "images": 100}


@pytest.fixture(scope="module")
def images(photo_patches):
    return photo_patches[::25]


def _learn(images, size, half, eps=0.1):
    rng = np.random.default_rng(0)
    return learn_symmetric_dictionary(draw_patches(images, size, 3000, rng), size, half, eps, rng)


def _slow_code(patch, learned, fraction):
    """Code one (size, size, 3) patch in double precision: positive codes, then negative ones."""
    x = patch.astype(float).ravel()
    x = (x - x.mean()) / np.sqrt(x.var() + 10)
    x = x @ learned.whitening - learned.offset
    x /= np.linalg.norm(x)
    atoms = [np.concatenate([learned.even, s * learned.odd], axis=1) for s in (1, -1)]
    z = np.concatenate(atoms).astype(float) @ x
    threshold = norm.isf(fraction) * z.std()
    codes = [np.maximum(0, s * (z - z.mean()) - threshold) for s in (1, -1)]
    return np.concatenate(codes)


def test_codes_equal_those_of_a_loop_over_patches(images, monkeypatch):
    learned, size = _learn(images, 5, 8), 5
    rows, columns = (gaussian_pooling(n, 3, 0.5).astype(float) for n in (28, 20))
    expected = []
    for image in images[:3, :, :24]:
        codes = np.array(
            [
                [_slow_code(image[y : y + 5, x : x + 5], learned, 0.2) for x in range(20)]
                for y in range(28)
            ]
        )
        expected.append(np.einsum("ay,bx,yxk->abk", rows, columns, codes))
    coder = SoftCoder(learned, size, 0.2, 3, 0.5)
    for numbers in (1 << 16, 8 * 100):  # blocks of 5 rows, of which the last one has 3
        monkeypatch.setattr(soft_coding, "_BLOCK_NUMBERS", numbers)
        found = coder.pooled(images[:3, :, :24])
        assert found.shape == (3, 3, 3, 4, 8)
        np.testing.assert_allclose(found.reshape(3, 3, 3, -1), expected, rtol=1e-3, atol=1e-5)
    # A fifth of all products exceed the threshold on each side, or about that.
    assert 0.1 < (codes > 0).mean() < 0.3


def test_coordinates_are_even_or_odd_and_white(images):
    learned = _learn(images, 4, 8, eps=1e-6)
    flip = np.arange(48).reshape(4, 4, 3)[:, ::-1].ravel()
    n_even = learned.even.shape[1]
    parity = np.where(np.arange(48) < n_even, 1, -1)
    np.testing.assert_allclose(learned.whitening[flip], learned.whitening * parity, atol=1e-5)
    np.testing.assert_array_equal(learned.offset[n_even:], 0)
    atoms = np.concatenate([learned.even, learned.odd], axis=1)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("size", [2, 3])
def test_bases_of_even_and_odd_patches(size):
    flip = np.arange(3 * size**2).reshape(size, size, 3)[:, ::-1].ravel()
    even, odd = parity_bases(flip)
    basis = np.concatenate([even, odd], axis=1)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3 * size**2), atol=1e-12)
    np.testing.assert_array_equal(even[flip], even)
    np.testing.assert_array_equal(odd[flip], -odd)


@pytest.mark.parametrize("spread", [0.05, 0.5, 10])
def test_weights_of_cells_are_symmetric_averages(spread):
    weights = gaussian_pooling(27, 4, spread)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("exact", [1600, 0])
def test_components_are_those_of_images_and_mirror_images(rng, monkeypatch, exact):
    monkeypatch.setattr(components, "_EXACT", exact)
    monkeypatch.setattr(components, "_EXTRA", 4)
    scales = 0.7 ** np.arange(30)
    even, odd = rng.normal(size=(2, 500, 30)) * [[scales], [0.8 * scales]]
    even += 3
    found = fit_components((even.astype("f4"), odd.astype("f4")), 10, 0, np.random.default_rng(0))
    both = np.concatenate([np.hstack([even, odd]), np.hstack([even, -odd])])
    values = np.linalg.eigvalsh(np.cov(both, rowvar=False, bias=True))[::-1][:10]
    e, o = found.project((even.astype("f4"), odd.astype("f4")))
    assert e.shape[1] + o.shape[1] == 10
    ours = np.concatenate([np.square(e).mean(axis=0), np.square(o).mean(axis=0)])
    np.testing.assert_allclose(np.sort(ours)[::-1], values, rtol=1e-3)


def test_flattened_components_have_variances_to_a_smaller_power(images):
    def deviations(power):
        features = Spec(**SMALL, flatten=power).build(seed=0).fit(images).transform(images)
        return np.sqrt(np.square(features).mean(axis=0))  # with mirror images, all means are 0

    plain, flat, white = (deviations(power) for power in (0, 0.5, 1))
    np.testing.assert_allclose(flat / flat.max(), np.sqrt(plain / plain.max()), rtol=1e-3)
    np.testing.assert_allclose(white, white.max(), rtol=1e-3)


def test_sums_and_differences_of_cells_keep_distances(images):
    codes = SoftCoder(_learn(images, 5, 8), 5, 0.2, 3, 0.5).pooled(images)
    roots = np.sqrt(codes).reshape(len(images), -1)
    folded = np.concatenate(across_cells(parity_codes(codes)), axis=1)
    assert folded.shape == roots.shape
    np.testing.assert_allclose(folded @ folded.T, roots @ roots.T, rtol=1e-3, atol=1e-5)


def test_parameters_and_products_are_counted(images):
    extractor = Spec(**SMALL).build(seed=0).fit(images)
    learned = extractor.channels_, extractor.components_
    sizes = [part.size for each in learned for part in (each.mean, each.even, each.odd)]
    assert extractor.n_parameters == 75 * 75 + 75 + 12 * 75 + sum(sizes)
    channels, components = ((each.even.size + each.odd.size) for each in learned)
    expected = 28**2 * 75 * (4 + 75 + 24) + 9 * channels + components
    assert extractor.multiply_adds((32, 32, 3)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 25}, "multiple of 2"),
        ({"count": 4000, "samples": 200}, "at least count, 4,000"),
        ({"samples": 2_000_000, "size": 16}, "found samples: 2,000,000; expected at most 349,525"),
        ({"images": 200_000}, "found images: 200,000; expected at most 77,672"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValidationError, match=message):
        Spec(**options)


def test_too_few_patches(images):
    with pytest.raises(StudyError, match="found 784 patches in 1 training images"):
        Spec(size=5, count=800, samples=1000).build(seed=0).fit(images[:1])


def test_pictures_show_the_dictionary_and_the_image(images):
    extractor = Spec(**SMALL | {"count": 100}).build(seed=0).fit(images)
    sheet = drawing.learned_picture(extractor)
    assert sheet.dtype == np.uint8
    assert sheet.std() > 30
    picture = drawing.picture(extractor, images[0])
    assert picture.shape == (248, 504, 3)
    drawn = picture[4::8, 260::8].astype(float).mean(axis=2)[:31, :31]
    seen = picture[4::8, 4:248:8].astype(float).mean(axis=2)[:31, :31]
    assert np.corrcoef(drawn.ravel(), seen.ravel())[0, 1] > 0.3
