"""Color histograms, compared with numpy.histogram and numpy.histogramdd cell by cell."""

import cv2
import numpy as np
import pytest
from feature_images import noise

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features import drawing
from pipeline.features.color_histogram.axes import ABOVE, BELOW, INK, LEFT, RIGHT, value_ticks
from pipeline.features.color_histogram.color_histogram import ColorHistogram, Spec

CONVERSIONS = {
    "hsv": cv2.COLOR_RGB2HSV,
    "lab": cv2.COLOR_RGB2LAB,
    "luv": cv2.COLOR_RGB2LUV,
    "ycrcb": cv2.COLOR_RGB2YCrCb,
}


def _spec(**options) -> Spec:
    return Spec(**{"norm": "none", "sqrt": False} | options)


def _cells(image, grid):
    for band in np.array_split(image, grid, axis=0):
        yield from np.array_split(band, grid, axis=1)


def _numpy_counts(image, spec):
    """Counts of one image by numpy, in the layout of `ColorHistogram.counts`."""
    if spec.space != "rgb":
        image = cv2.cvtColor(image, CONVERSIONS[spec.space])
    tops = [180 if spec.space == "hsv" else 256, 256, 256]
    rows = []
    for cell in _cells(image, spec.grid):
        values = cell.reshape(-1, 3)
        ranges = [(0, top) for top in tops]
        if spec.joint:
            rows.append(np.histogramdd(values, spec.channel_bins, ranges)[0].ravel())
        else:
            each = zip(values.T, spec.channel_bins, ranges, strict=True)
            rows.append(np.concatenate([np.histogram(v, b, r)[0] for v, b, r in each]))
    return np.array(rows)


@pytest.mark.parametrize("space", ["rgb", *CONVERSIONS])
@pytest.mark.parametrize(
    "options",
    [
        {"bins": 16, "grid": 4},
        {"bins": (7, 23, 256), "grid": 3},
        {"bins": 1, "grid": 1},
        {"bins": (8, 4, 4), "joint": True, "grid": 2},
        {"bins": (9, 1, 5), "joint": True, "grid": 8},
    ],
    ids=str,
)
def test_counts_equal_numpy(space, options, photo_patches):
    spec = _spec(space=space, **options)
    for images in (photo_patches[::40], noise(6), noise(4, 37, 45)):
        counts = spec.build(seed=0).counts(images)
        assert counts.dtype == np.int64
        expected = np.array([_numpy_counts(image, spec) for image in images])
        np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("bins", range(1, 257, 5))
def test_every_value_is_in_numpys_bin(bins):
    """All 256 values, or all 180 for hue, each in its own image."""
    values = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 1, 1, 3)
    found = _spec(bins=bins, grid=1).build(seed=0).counts(values)[:, 0, :bins].argmax(axis=1)
    expected = [np.histogram([v], bins, (0, 256))[0].argmax() for v in range(256)]
    np.testing.assert_array_equal(found, expected)
    hue_bins = ColorHistogram(_spec(space="hsv", bins=bins))._tables()[0, :180, 0]
    expected = [np.histogram([v], bins, (0, 180))[0].argmax() for v in range(180)]
    np.testing.assert_array_equal(hue_bins, expected)


def test_features_are_the_counts_normalized(photo_patches):
    counts = Spec().build(seed=0).counts(photo_patches).reshape(-1, 16).astype(float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    lengths = counts / np.sqrt((counts**2).sum(axis=1, keepdims=True))

    def features(**options):
        return Spec(**options).build(seed=0).transform(photo_patches).reshape(-1, 16)

    np.testing.assert_array_equal(features(norm="none", sqrt=False), counts)
    np.testing.assert_allclose(features(sqrt=False), shares, rtol=1e-6)
    np.testing.assert_allclose(features(), np.sqrt(shares), rtol=1e-6)
    np.testing.assert_allclose(features(norm="l2", sqrt=False), lengths, rtol=1e-6)
    np.testing.assert_allclose((features() ** 2).sum(axis=1), 1, rtol=1e-6)


def test_joint_histograms_sum_to_each_channels_own(photo_patches):
    joint = _spec(bins=(6, 5, 4), joint=True).build(seed=0).counts(photo_patches)
    joint = joint.reshape(len(photo_patches), 16, 6, 5, 4)
    own = _spec(bins=(6, 5, 4)).build(seed=0).counts(photo_patches)
    np.testing.assert_array_equal(joint.sum(axis=(3, 4)), own[..., :6])
    np.testing.assert_array_equal(joint.sum(axis=(2, 4)), own[..., 6:11])
    np.testing.assert_array_equal(joint.sum(axis=(2, 3)), own[..., 11:])


def test_channels_are_red_green_blue():
    red = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    red[..., 0] = 255
    counts = _spec(bins=2, grid=1).build(seed=0).counts(red)
    np.testing.assert_array_equal(counts, [[[0, 64, 64, 0, 64, 0]]])
    hue = _spec(space="hsv", bins=(180, 1, 1), grid=1).build(seed=0)
    assert hue.counts(red)[0, 0, 0] == 64
    assert hue.counts(np.ascontiguousarray(red[..., ::-1]))[0, 0, 120] == 64  # blue: 240°


@pytest.mark.parametrize("n", [1, 64, 65])
def test_batches_do_not_affect_results(n, photo_patches):
    for options in ({}, {"space": "lab", "joint": True, "bins": 4}):
        extractor = Spec(**options).build(seed=0)
        together = extractor.transform(photo_patches[:n])
        alone = [extractor.transform(image[None])[0] for image in photo_patches[:n]]
        np.testing.assert_array_equal(together, alone)


def test_images_smaller_than_the_grid_are_rejected():
    with pytest.raises(StudyError, match=r"3×9 pixels; expected at least 4×4.*smaller grid"):
        Spec().build(seed=0).fit(np.zeros((1, 3, 9, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, "bins"),
        ({"bins": [8, 8]}, "bins"),
        ({"grid": 9}, "grid"),
        ({"space": "bgr"}, "space"),
        ({"norm": "l2"}, "found sqrt: true with norm: l2"),
        ({"bins": 64, "joint": True}, "found 4194304 numbers per image; .*fewer bins"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(StudyError, match=message):
        registry.parse("features", {"method": "color_histogram"} | options, "features.x")


def test_three_bins_may_come_from_yaml_as_a_list():
    entry = {"method": "color_histogram", "bins": [8, 4, 4]}
    assert registry.parse("features", entry, "features.x").channel_bins == (8, 4, 4)


def _bars(picture):
    """The right half of a picture: 248×248 pixels after the image and the gap."""
    assert picture.shape == (248, 504, 3)
    assert picture.dtype == np.uint8
    return picture[:, 256:]


def test_the_picture_shows_each_cells_bars_in_its_place():
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:16, 16:, 0] = 255  # the upper right cell is red
    picture = drawing.picture(Spec(grid=2, bins=4).build(seed=0), image)
    np.testing.assert_array_equal(picture[:124, 124:248], np.tile([255, 0, 0], (124, 124, 1)))
    red = (_bars(picture) == (214, 39, 40)).all(axis=2)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cell = red[row * 124 : row * 124 + 41, column * 124 : column * 124 + 123]
        fullest = cell.sum(axis=0).reshape(-1)[[10, 110]] > 0  # darkest and brightest bin
        np.testing.assert_array_equal(fullest, [False, True] if (row, column) == (0, 1) else [1, 0])
    green = (_bars(picture) == (44, 160, 44)).all(axis=2)
    assert green[41:82, :30].mean() > 0.9  # one bin of four, full height, below the reds
    assert not green[:41].any()


def test_joint_bars_have_the_color_of_their_bin():
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:, :8] = [255, 0, 0]
    for space in ("rgb", *CONVERSIONS):
        spec = Spec(space=space, bins=8, joint=True, grid=1, sqrt=False)
        bars = _bars(drawing.picture(spec.build(seed=0), image)).astype(int)
        bars = bars[ABOVE : 248 - BELOW, LEFT : 248 - RIGHT]  # inside the axes
        dark, red = bars[-3, 3], bars[-3, 9]
        assert dark.sum() < 250
        assert red[0] > 150
        assert red[0] > red[1:].max() + 80
        assert (bars[100, 3] == dark).all()  # three quarters of the pixels
        assert (bars[100, 9] == 255).all()  # a quarter


def test_histograms_of_whole_images_have_axes_with_values_and_heights():
    """A quarter of the pixels is red: bars of 1/4 and 3/4, between axes to 255 and to 3/4."""
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[:, :8, 0] = 255
    bars = _bars(drawing.picture(Spec(grid=1, bins=16, sqrt=False).build(seed=0), image))
    row = bars[:82]  # of the first channel
    inside = row[ABOVE : 82 - BELOW, LEFT : 248 - RIGHT]
    red = (inside == (214, 39, 40)).all(axis=2)
    heights = red.sum(axis=0) / len(inside)
    assert heights[:10] == pytest.approx(1)
    assert heights[-10:] == pytest.approx(1 / 3, abs=0.02)
    assert not heights[20:-20].any()
    inked = (row == INK).all(axis=2)
    assert inked[ABOVE : 82 - BELOW, LEFT - 1].all()
    assert inked[82 - BELOW, LEFT : 248 - RIGHT].all()
    ticks = np.flatnonzero(inked[82 - BELOW + 2])
    assert len(ticks) == len(value_ticks(256)) == 5
    assert (ticks[0], ticks[-1]) == (LEFT, 248 - RIGHT - 1)
    assert (row[82 - BELOW + 4 :] < 200).any()  # numbers below the axis
    assert (row[:, : LEFT - 4] < 200).any()  # and beside it
    assert [text for _, text in value_ticks(180)] == ["0", "45", "90", "135", "179"]


@pytest.mark.parametrize("options", [{"bins": 256, "grid": 8}, {"norm": "l2", "sqrt": False}])
def test_pictures_work_for_many_bins_and_other_norms(options, photo_patches):
    for image in (photo_patches[0], noise(1, 37, 45)[0]):
        picture = drawing.picture(Spec(**options).build(seed=0), image)
        assert all(128 <= side <= 512 for side in picture.shape[:2])
        assert len(np.unique(picture[:, 256:].reshape(-1, 3), axis=0)) >= 4
