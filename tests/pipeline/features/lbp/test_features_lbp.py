"""Local binary patterns, compared with skimage pixel by pixel."""

import cv2
import numpy as np
import pytest
from feature_images import noise, photographs
from skimage.feature import local_binary_pattern

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features import drawing
from pipeline.features.lbp.binary_patterns import pattern_labels
from pipeline.features.lbp.lbp import Spec

METHODS = ["default", "ror", "uniform", "nri_uniform"]


def _skimage(images, spec, radius):
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    found = [local_binary_pattern(g, spec.points, radius, spec.patterns) for g in gray]
    return np.array(found).astype(int)


def _labels(images, spec, radius):
    labels = spec.build(seed=0).labels(images, radius)
    if spec.patterns == "ror":  # skimage's labels have gaps
        least = np.unique([_least_rotation(p, spec.points) for p in range(1 << spec.points)])
        labels = least[labels]
    return labels.transpose(2, 0, 1)


def _least_rotation(pattern, points):
    bits = f"{pattern:0{points}b}"
    return min(int(bits[i:] + bits[:i], 2) for i in range(points))


@pytest.mark.parametrize("patterns", METHODS)
@pytest.mark.parametrize(("points", "radius"), [(8, 1.0), (8, 2.0), (5, 2.3), (10, 1.5)])
def test_every_pixel_equals_skimage(patterns, points, radius, photo_patches, hard_images):
    spec = Spec(points=points, radius=radius, patterns=patterns)
    few = hard_images[::4]  # with flat areas, where the last digit decides
    for images in (photo_patches[::25], noise(3, 20, 33), photographs(50, 31, 1), few):
        np.testing.assert_array_equal(_labels(images, spec, radius), _skimage(images, spec, radius))


def test_sixteen_points_equal_skimage(photo_patches):
    spec = Spec(points=16, radius=3)
    images = photo_patches[::100]
    np.testing.assert_array_equal(_labels(images, spec, 3), _skimage(images, spec, 3))


@pytest.mark.parametrize("patterns", METHODS)
def test_labels_have_no_gaps(patterns):
    labels, count = pattern_labels(8, patterns)
    assert labels.shape == (256,)
    assert set(labels) == set(range(count))
    assert count == {"default": 256, "ror": 36, "uniform": 10, "nri_uniform": 59}[patterns]


@pytest.mark.parametrize("sqrt", [False, True])
def test_histograms_are_fractions_for_each_cell_and_radius(sqrt):
    images = photographs(33, 26, 2)
    spec = Spec(radius=(1, 2), grid=3, patterns="uniform", sqrt=sqrt)
    features = spec.build(seed=0).transform(images).reshape(len(images), 2, 3, 3, 10)
    for scale, radius in enumerate((1, 2)):
        labels = _skimage(images, spec, radius)
        for image in range(len(images)):
            for row in range(3):
                for column in range(3):
                    rows = [r for r in range(33) if r * 3 // 33 == row]
                    columns = [c for c in range(26) if c * 3 // 26 == column]
                    cell = labels[image][np.ix_(rows, columns)].ravel()
                    expected = np.bincount(cell, minlength=10) / cell.size
                    found = features[image, scale, row, column]
                    found = found**2 if sqrt else found
                    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_dimension_is_correct(photo_patches):
    for options in ({}, {"radius": [1, 2.5], "grid": 2}, {"patterns": "ror", "points": 6}):
        spec = registry.parse("features", {"method": "lbp", **options}, "features.x")
        assert spec.build(seed=0).transform(photo_patches[:2]).shape == (2, spec.dimension)


def test_brightness_and_contrast_do_not_matter(photo_patches):
    dark = photo_patches[::20] // 2
    gray = np.repeat(dark[..., 1:2], 3, axis=3)
    extractor = Spec().build(seed=0)
    inner = slice(1, -1)  # at the border, neighbors are black
    labels = extractor.labels(gray, 1)[inner, inner]
    brighter = extractor.labels(gray * 2, 1)[inner, inner]
    assert (labels == brighter).mean() > 0.99  # except for the last digit of interpolated values


def test_batches_do_not_affect_results(photo_patches):
    extractor = Spec(radius=(1, 2)).build(seed=0)
    alone = np.concatenate([extractor.transform(image[None]) for image in photo_patches[:35]])
    np.testing.assert_array_equal(extractor.transform(photo_patches[:35]), alone)


def test_the_picture_shows_the_patterns(photo_patches):
    picture = drawing.picture(Spec().build(seed=0), photo_patches[0])
    assert picture.shape == (256, 256, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    assert drawing.picture(Spec().build(seed=0), noise(1, 20, 90)[0]).shape == (256, 512, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 17}, r"features\.x\.points: found 17"),
        ({"radius": [1, 1]}, "expected each radius once"),
        ({"radius": 0.5}, "found 0.5"),
        ({"patterns": "var"}, "found 'var'"),
        ({"points": 16, "patterns": "default"}, "numbers per image; expected at most 262144"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(StudyError, match=message):
        registry.parse("features", {"method": "lbp", **options}, "features.x")


def test_images_smaller_than_the_grid_are_rejected():
    small = np.zeros((2, 32, 3, 3), dtype=np.uint8)
    with pytest.raises(
        StudyError, match=r"lbp: found images of 32×3 pixels; expected at least 4×4"
    ):
        Spec().build(seed=0).fit(small)
