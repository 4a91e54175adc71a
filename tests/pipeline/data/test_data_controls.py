"""Two datasets with a known outcome: only color, or only shape, tells classes apart."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.data import color_classes
from pipeline.data.random_figures import FIGURES, RADII, figure_mask
from pipeline.data.splits import make_splits

CONTROLS = ("color_classes", "shape_classes")
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def draw(name, **options):
    entry = {"name": name, "per_class": [20, 5, 10], **options}
    spec = registry.parse("dataset", entry, "dataset")
    return spec.load(spec.fetch())


@pytest.fixture(scope="module", params=CONTROLS)
def control(request):
    return request.param, draw(request.param)


def test_images_are_labeled_and_split(control):
    name, raw = control
    classes = len(raw.class_names)
    assert raw.images.shape == (35 * classes, 32, 32, 3)
    assert raw.images.dtype == np.uint8
    assert len(np.unique(raw.images.reshape(len(raw.images), -1), axis=0)) == len(raw.images)
    for split, count in (("train", 20), ("validation", 5), ("test", 10)):
        assert np.bincount(raw.labels[raw.split == split]).tolist() == [count] * classes
    assert len(set(raw.image_names)) == len(raw.images)
    spec = registry.parse("dataset", {"name": name, "per_class": [20, 5, 10]}, "dataset")
    prepared = make_splits(raw, spec, 0)
    assert {s: len(ids) for s, ids in prepared.ids.items()} == {
        "train": 20 * classes, "validation": 5 * classes, "test": 10 * classes,
    }  # fmt: skip


def test_images_depend_on_the_seed(control):
    name, raw = control
    np.testing.assert_array_equal(draw(name).images, raw.images)
    assert (draw(name, images_seed=1).images != raw.images).any(axis=(1, 2, 3)).all()


def test_more_images_keep_the_first_ones(control):
    name, raw = control
    more = draw(name, per_class=[30, 5, 12])
    kept = np.isin(more.image_names, raw.image_names)
    np.testing.assert_array_equal(more.images[kept], raw.images)


def test_tints_are_constant_so_gradients_are_those_of_gray():
    raw = draw("color_classes")
    tints = raw.images.astype(int) - raw.images[..., 1:2]
    assert (tints == tints[:, :1, :1]).all()
    # Tints have no luma; their Cb and Cr are those of the class, within 12°.
    tint = tints[:, 0, 0] - tints[:, 0, 0] @ LUMA[:, None]
    cb, cr = tint[:, 2] / 1.772, tint[:, 0] / 1.402
    np.testing.assert_allclose(np.hypot(cb, cr), 40, atol=1)
    hues = (80 - np.rad2deg(np.arctan2(cr, cb)) - 60 * raw.labels + 180) % 360 - 180
    assert np.abs(hues).max() < 14
    assert np.abs(hues).max() > 5


def test_no_tinted_level_can_leave_its_range():
    tints = np.array([color_classes.tint(hue) for hue in np.linspace(0, 7, 2000)])
    low, high = color_classes._GRAY
    noise = 3 * color_classes._NOISE
    assert low - noise + tints.min() >= 0
    assert high + noise + tints.max() <= 255


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_the_area_of_the_disk(name, rng):
    x, y = (np.mgrid[-800:800, -800:800] + 0.4) / 400
    assert FIGURES[name](x, y).mean() * 16 == pytest.approx(np.pi, rel=4e-3)
    areas = np.array([figure_mask(FIGURES[name], 64, rng).sum() for _ in range(300)])
    low, high = np.pi * (np.array(RADII) * 64) ** 2
    assert low * 0.97 < areas.min() < low * 1.3
    assert high * 0.8 < areas.max() < high * 1.03


@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_in_the_image_anywhere(name, rng):
    masks = np.array([figure_mask(FIGURES[name], 48, rng) for _ in range(400)])
    edges = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    assert sum(edge.any(axis=1).sum() for edge in edges) < 40  # only a corner can touch the edge
    middles = np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
    assert (middles.min(axis=0) < 17).all()
    assert (middles.max(axis=0) > 31).all()
    np.testing.assert_allclose(middles.mean(axis=0), 24, atol=1.5)


def test_shapes_share_their_colors():
    """Figure and background have one distribution: no class is brighter, redder or more varied."""
    raw = draw("shape_classes", per_class=[300, 1, 1])
    train = raw.images[raw.split == "train"].astype(float)
    labels = raw.labels[raw.split == "train"]
    for statistic in (train.mean(axis=(1, 2)), train.std(axis=(1, 2))):
        groups = [statistic[labels == label] for label in range(4)]
        means = np.array([group.mean(axis=0) for group in groups])
        errors = np.array([group.std(axis=0) / np.sqrt(len(group)) for group in groups])
        assert (np.abs(means - means.mean(axis=0)) < 4 * errors).all()


@pytest.mark.parametrize("name", CONTROLS)
def test_sizes_and_classes_are_options(name):
    spec = registry.parse("dataset", {"name": name, "size": 64, "per_class": [2, 1, 1]}, "dataset")
    raw = spec.load(spec.fetch())
    assert raw.images.shape[1:] == (64, 64, 3)
    few = {"name": name, "per_class": [2, 1, 1], "classes": list(raw.class_names[1:3])}
    prepared = make_splits(draw(name), registry.parse("dataset", few, "dataset"), 0)
    assert prepared.class_names == raw.class_names[1:3]


@pytest.mark.parametrize(
    "options",
    [{"size": 15}, {"size": 129}, {"per_class": [1, 2]}, {"per_class": [1, 0, 2]},
     {"images_seed": -1}, {"stride": 16}],
)  # fmt: skip
@pytest.mark.parametrize("name", CONTROLS)
def test_wrong_options_are_rejected(name, options):
    with pytest.raises(StudyError, match=r"dataset\.(size|per_class|images_seed|stride)"):
        registry.parse("dataset", {"name": name, **options}, "dataset")


@pytest.mark.parametrize("name", CONTROLS)
def test_the_record_says_that_it_is_a_control(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = registry.parse("dataset", {"name": name, "path": "not/there"}, "dataset")
    source = spec.fetch()
    assert [file.path for file in source.files] == [None]
    assert len(source.sha256) == 64
    assert "a control, drawn by code" in source.description
    assert spec.independent
