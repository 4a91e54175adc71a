"""Features that could not be held: refused with what they take and what makes them smaller."""

from __future__ import annotations

import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.features.forecast import check_features_fit, expected_width

SIZES = {"train": 10_000, "validation": 1_000, "test": 2_000}


def spec_of(**entry):
    return registry.parse("features", entry, "features.x")


@pytest.mark.parametrize(
    ("entry", "found", "ways"),
    [
        ({"method": "raw"}, "raw has 196,608 features for an image of 256×256 pixels, which is "
         "7.86 GB of memory for 10,000 images; expected at most the 4 GB", ", gray: true"),
        ({"method": "hog", "cell": 2}, "hog has 580,644 features", ", a larger cell"),
        ({"method": "color_histogram", "joint": True, "bins": 16, "grid": 8, "image_size": 64},
         "for an image of 64×64", ", a smaller grid"),
        ({"method": "pretrained", "weights": "random", "pooling": "flatten", "image_size": 512,
          "layers": ["block5_pool"]}, "131,072 features", ", pooling: average"),
    ],
)  # fmt: skip
def test_features_that_do_not_fit_are_refused(entry, found, ways):
    with pytest.raises(StudyError) as caught:
        check_features_fit("mine", spec_of(**entry), SIZES, 256, 4 * 10**9)
    assert str(caught.value).startswith("features.mine: ")
    assert found in str(caught.value)
    assert f"smaller features.mine.image_size{ways}, dataset.size" in str(caught.value)


def test_features_that_fit_pass():
    check_features_fit("mine", spec_of(method="raw", image_size=64), SIZES, 256, 4 * 10**9)
    check_features_fit("mine", spec_of(method="hog"), SIZES, 256, 4 * 10**9)


def test_images_that_are_too_small_are_not_counted():
    assert expected_width(spec_of(method="hog"), 8) in (None, 0)
    check_features_fit("mine", spec_of(method="hog"), SIZES, 8, 1)
