"""Several cell sizes, and the picture of HOG."""

import numpy as np
import pytest
from feature_images import noise

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features import drawing
from pipeline.features.hog.glyphs import cell_strengths
from pipeline.features.hog.hog import Spec

CONVENTIONS = ["skimage", "dalal_triggs"]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("channel", ["gray", "strongest"])
def test_scales_are_joined_in_order(convention, channel, photo_patches):
    common = {"convention": convention, "channel": channel}
    images = photo_patches[:40]
    joined = Spec(cell=(8, 4, 5), **common).build(seed=0).transform(images)
    each = [Spec(cell=cell, **common).build(seed=0).transform(images) for cell in (8, 4, 5)]
    np.testing.assert_allclose(joined, np.concatenate(each, axis=1), rtol=0, atol=1e-6)


def test_params_can_list_several_cells():
    spec = registry.parse("features", {"method": "hog", "cell": [4, 8]}, "features.x")
    assert spec.cells == (4, 8)
    assert Spec().cells == (8,)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([4, 4], "expected each scale once"),
        ([], "found .*expected"),
        ([4, 0], "found 0; expected at least 1"),
        ("small", "found 'small'; expected"),
    ],
)
def test_wrong_cells_are_named(cell, message):
    with pytest.raises(StudyError, match=message):
        registry.parse("features", {"method": "hog", "cell": cell}, "features.x")


def test_the_largest_scale_must_fit():
    with pytest.raises(StudyError, match=r"32×32 pixels; expected at least 40×40"):
        Spec(cell=(4, 20)).build(seed=0).fit(noise(1))


# --- the picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("upright", [False, True])
def test_strokes_lie_along_edges(convention, signed, upright):
    image = np.full((32, 32, 3), 40, dtype=np.uint8)
    image[:, 15:] = 60
    if not upright:
        image = np.ascontiguousarray(image.swapaxes(0, 1))
    picture = drawing.picture(
        Spec(convention=convention, signed=signed, orientations=8).build(0), image
    )
    rows, columns = np.nonzero(picture[..., 0] > 120)  # brighter than the dimmed image: strokes
    assert len(rows) > 50
    if not upright:
        rows, columns = columns, rows
    assert np.ptp(rows) > 128  # cells along the whole edge
    middle = np.abs(columns - 128)
    assert middle.max() < 80  # and only cells that contain it


@pytest.mark.parametrize(
    ("shape", "expected"), [((32, 32), (256, 256)), ((40, 60), (256, 384)), ((300, 32), (512, 256))]
)
def test_size_of_the_picture(shape, expected):
    picture = drawing.picture(Spec(cell=(8, 4)).build(seed=0), noise(1, *shape)[0])
    assert picture.shape == (*expected, 3)
    assert picture.dtype == np.uint8


def test_a_flat_image_has_no_strokes():
    flat = np.full((32, 32, 3), 100, dtype=np.uint8)
    picture = drawing.picture(Spec().build(seed=0), flat)
    assert (picture == 45).all()


def test_the_picture_keeps_red_red():
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[..., 0] = 200
    picture = drawing.picture(Spec().build(seed=0), image)
    assert (picture == [90, 0, 0]).all()


def test_a_cells_strength_is_its_mean_over_its_blocks():
    blocks = np.zeros((2, 2, 2, 2, 3), dtype=np.float32)
    blocks[0, 0, 0, 0, 1] = 0.4  # a corner: in only one block
    blocks[:, :, 1, 1, 2] = [[0.8, 0], [0, 0]]  # the center: in four blocks
    strengths = cell_strengths(blocks)
    assert strengths.shape == (3, 3, 3)
    assert strengths[0, 0, 1] == 1
    assert strengths[1, 1, 2] == pytest.approx(0.5)
    assert np.count_nonzero(strengths) == 2
