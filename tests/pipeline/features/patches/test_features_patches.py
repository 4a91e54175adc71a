"""Learned patches, compared with a slow coder, and k-means, compared with scikit-learn's."""

import numpy as np
import pytest
from feature_images import noise
from sklearn.cluster import KMeans
from sklearn.feature_extraction.image import extract_patches_2d
from threadpoolctl import threadpool_limits

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features import drawing
from pipeline.features.patches import coding
from pipeline.features.patches.coding import patch_grid
from pipeline.features.patches.dictionary import (
    centroids,
    draw_patches,
    nearest_atoms,
    normalize_contrast,
    zca,
)
from pipeline.features.patches.patches import Spec

SMALL = {"size": 5, "count": 24, "samples": 3000}


@pytest.fixture(scope="module")
def images(photo_patches):
    return photo_patches[::25]


def _slow_code(patch, learned, spec):
    """Code one (size, size, 3) patch in double precision, atom by atom."""
    x = patch.astype(float).ravel()
    x = (x - x.mean()) / np.sqrt(x.var() + 10)
    x = (x - learned.mean) @ learned.whitening.astype(float)
    z = np.array([np.linalg.norm(x - atom) for atom in learned.atoms])
    if spec.coding == "triangle":
        return np.maximum(0, z.mean() - z)
    negative = np.array([np.linalg.norm(x + atom) for atom in learned.atoms])
    marks = [(d <= np.sort(d)[spec.neighbors - 1]).astype(float) for d in (z, negative)]
    return np.concatenate(marks)


def _slow_features(image, learned, spec):
    tops = range(0, image.shape[0] - spec.size + 1, spec.stride)
    lefts = range(0, image.shape[1] - spec.size + 1, spec.stride)
    cells = []
    for rows in np.array_split(tops, spec.grid):
        for columns in np.array_split(lefts, spec.grid):
            codes = [
                _slow_code(image[y : y + spec.size, x : x + spec.size], learned, spec)
                for y in rows
                for x in columns
            ]
            cells.append(np.mean(codes, axis=0) if spec.pooling == "average" else sum(codes))
    features = np.concatenate(cells)
    return np.sqrt(features) if spec.sqrt else features


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pooling": "sum", "sqrt": False},
        {"dictionary": "random", "stride": 2, "grid": 3},
        {"coding": "nearest", "sqrt": False},
        {"coding": "nearest", "fraction": 0.1, "pooling": "sum", "stride": 3, "grid": 1},
        {"coding": "nearest", "dictionary": "random", "fraction": 0.9},
    ],
    ids=str,
)
def test_features_equal_those_of_a_loop_over_patches(options, images):
    spec = Spec(**SMALL | options)
    extractor = spec.build(seed=0).fit(images)
    for some in (images[::6], images[:2, :23, :30]):
        features = extractor.transform(some)
        slow = np.array([_slow_features(each, extractor.dictionary_, spec) for each in some])
        assert features.shape == (len(some), spec.dimension)
        np.testing.assert_allclose(features, slow, rtol=2e-3, atol=2e-3)


def test_blocks_of_rows_give_the_same(images, monkeypatch):
    extractor = Spec(**SMALL).build(seed=0).fit(images)
    whole = extractor.transform(images)
    monkeypatch.setattr(coding, "_BLOCK_NUMBERS", 5 * 28 * 24)  # 28 rows: 5, ..., 5, 3
    # The square root turns a rounding error of 1e-7 in a sum near 0 into 3e-4.
    np.testing.assert_allclose(extractor.transform(images), whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_image_gives_the_same_bits_among_any_others(threads, photo_patches):
    for options in ({}, {"coding": "nearest"}):
        extractor = Spec(**SMALL | options).build(seed=0).fit(photo_patches[:20])
        with threadpool_limits(threads):
            together = extractor.transform(photo_patches[::12])
        alone = [extractor.transform(image[None])[0] for image in photo_patches[::12]]
        np.testing.assert_array_equal(together, alone)


def test_the_seed_determines_the_dictionary(images):
    def atoms(seed, **options):
        return Spec(**SMALL | options).build(seed).fit(images).dictionary_.atoms

    for dictionary in ("kmeans", "random"):
        np.testing.assert_array_equal(
            atoms(1, dictionary=dictionary), atoms(1, dictionary=dictionary)
        )
        assert not np.array_equal(atoms(1, dictionary=dictionary), atoms(2, dictionary=dictionary))


def test_parameters_are_counted(images):
    assert Spec(**SMALL).build(seed=0).fit(images).n_parameters == 24 * 75 + 75 * 75 + 75


def test_brightness_and_contrast_hardly_matter(images):
    extractor = Spec(**SMALL, sqrt=False).build(seed=0).fit(images)
    plain = extractor.transform(images // 2 + 20).astype(float)
    brighter = extractor.transform(images // 2 + 100)
    np.testing.assert_allclose(brighter, plain, atol=2e-3)
    assert np.abs(extractor.transform(images)[:, ::7] - plain[:, ::7]).mean() < 0.1 * plain.std()


def test_patches_are_drawn_once_from_everywhere(images):
    some = images[:2, :9, :8]
    drawn = draw_patches(some, 4, 10**6, np.random.default_rng(0))
    every = [patch.ravel() for image in some for patch in extract_patches_2d(image, (4, 4))]
    np.testing.assert_array_equal(drawn, every)
    fewer = draw_patches(some, 4, 20, np.random.default_rng(0))
    assert len({patch.tobytes() for patch in fewer}) == 20
    assert {patch.tobytes() for patch in fewer} <= {patch.tobytes() for patch in drawn}


def test_whitened_patches_are_uncorrelated(images):
    patches = draw_patches(images, 4, 5000, np.random.default_rng(0))
    normalize_contrast(patches)
    np.testing.assert_allclose(patches.mean(axis=1), 0, atol=1e-5)
    patches -= patches.mean(axis=0)
    covariance = np.cov(patches @ zca(patches, 1e-6), rowvar=False)
    mean_patch = np.full(48, 48**-0.5)  # contrast normalization removes this direction
    np.testing.assert_allclose(covariance, np.eye(48) - np.outer(mean_patch, mean_patch), atol=0.05)


def test_centroids_are_as_good_as_those_of_scikit_learn(images):
    points = draw_patches(images, 3, 4000, np.random.default_rng(0))
    normalize_contrast(points)

    def distortion(found):
        gaps = points - found[nearest_atoms(points, found)]
        return (gaps**2).sum()

    ours = distortion(centroids(points, 30, np.random.default_rng(0)))
    theirs = KMeans(30, init="random", n_init=1, random_state=0).fit(points)
    assert ours < 1.03 * theirs.inertia_
    np.testing.assert_array_equal(
        nearest_atoms(points, theirs.cluster_centers_), theirs.predict(points)
    )


def test_repeated_points_do_not_leave_empty_clusters():
    points = np.repeat(np.eye(3, dtype=np.float32), 50, axis=0)
    found = centroids(points, 20, np.random.default_rng(0))
    assert np.isfinite(found).all()
    assert {tuple(row) for row in found} <= {tuple(row) for row in points}


def test_cells_are_divided_as_in_numpy():
    grid = patch_grid((32, 20), size=6, stride=1, cells=2, average=False)
    assert (grid.down, grid.across) == (27, 15)
    cells = grid.pooling.reshape(4, 27, 15)
    np.testing.assert_array_equal(cells.sum(axis=(1, 2)), [14 * 8, 14 * 7, 13 * 8, 13 * 7])
    assert cells[1, :14, 8:].all()
    np.testing.assert_array_equal(grid.pooling.sum(axis=0), 1)


def test_flat_and_noisy_images_give_finite_features(images):
    for options in ({}, {"coding": "nearest"}, {"dictionary": "random"}):
        extractor = Spec(**SMALL | options).build(seed=0).fit(images)
        flat = np.full((1, 32, 32, 3), 255, dtype=np.uint8)
        features = extractor.transform(np.concatenate([flat, noise(3)]))
        assert np.isfinite(features).all()
        assert features.min() >= 0


def test_pictures_show_the_dictionary_and_the_image(images):
    extractor = Spec(**SMALL).build(seed=0).fit(images)
    sheet = drawing.learned_picture(extractor)
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert max(sheet.shape) <= 1024
    assert sheet.std() > 30
    picture = drawing.picture(extractor, images[0])
    assert picture.shape == (248, 504, 3)
    drawn = picture[4::8, 260::8].astype(float).mean(axis=2)[:31, :31]
    seen = picture[4::8, 4:248:8].astype(float).mean(axis=2)[:31, :31]
    assert np.corrcoef(drawn.ravel(), seen.ravel())[0, 1] > 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 1}, "count"),
        ({"coding": "soft"}, "coding"),
        ({"fraction": 0.2}, "found fraction: 0.2 with coding: triangle"),
        ({"count": 5000, "samples": 4000}, "found samples: 4,000; expected at least count"),
        ({"size": 16, "samples": 1_000_000}, "do not fit in memory"),
        ({"whiten_eps": 0}, "whiten_eps"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(StudyError, match=message):
        registry.parse("features", {"method": "patches"} | options, "features.x")


def test_too_few_or_too_small_images_are_rejected(images):
    with pytest.raises(StudyError, match=r"729 patches in 1 training.*at least 800.*count"):
        Spec(count=800).build(seed=0).fit(images[:1])
    with pytest.raises(StudyError, match=r"6×32 pixels; expected at least 7×7"):
        Spec().build(seed=0).fit(images[:, :6])
