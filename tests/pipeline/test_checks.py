import numpy as np
import pytest

from pipeline.checks import (
    StudyError,
    check_finite,
    check_images,
    check_known,
    check_labels,
    check_paired,
    listing,
)


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.zeros((2, 8, 8, 3)), "float64"),
        (np.zeros((2, 8, 8), np.uint8), r"\(2, 8, 8\)"),
        (np.zeros((2, 8, 8, 4), np.uint8), r"\(2, 8, 8, 4\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no image"),
    ],
)
def test_images(images, found):
    with pytest.raises(StudyError, match=found):
        check_images(images)
    check_images(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("labels", "found"),
    [([0, 1], "shape"), ([0, 1, 3], "0 to 3"), ([0.0, 1, 2], "float64"), ([-1, 0, 1], "-1 to 1")],
)
def test_labels(labels, found):
    with pytest.raises(StudyError, match=found):
        check_labels(np.array(labels), 3, 3)
    check_labels(np.array([0, 1, 2]), 3, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_finite_names_the_first_bad_place(value):
    features = np.zeros((9000, 4), np.float32)
    check_finite(features, "features")
    features[8500, 2] = value
    with pytest.raises(StudyError, match="row 8500, column 2"):
        check_finite(features, "features")


def test_paired():
    ids = np.arange(5)
    check_paired(ids, ids.copy(), "run 'a'", "dvc repro a")
    with pytest.raises(StudyError, match=r"found 4 images; expected the 5 .* dvc repro a"):
        check_paired(ids[:4], ids, "run 'a'", "dvc repro a")
    with pytest.raises(StudyError, match="id 9 where 2 was expected"):
        check_paired(np.array([0, 1, 9, 3, 4]), ids, "run 'a'", "dvc repro a")


def test_unknown_names_get_a_hint():
    check_known("hog", ("hog", "lbp"), "method")
    with pytest.raises(StudyError, match="did you mean 'hog'"):
        check_known("hogg", ("hog", "lbp"), "method")
    with pytest.raises(StudyError, match="known: hog, lbp"):
        check_known("zzz", ("hog", "lbp"), "method")


def test_listing_is_cut():
    assert listing([]) == "none"
    assert listing(range(20), 3) == "0, 1, 2, ... (20 in all)"
