"""A sheet of digits that is made up here, and sheets that are none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.data.digit_sheet import Spec
from pipeline.data.reading.deskew import deskewed

INCOMING = Path("data/incoming")


def slanted_bar(slant: float, side: int = 20) -> np.ndarray:
    """A white bar on black that leans to the right by `slant` columns a row."""
    image = np.zeros((side, side), np.float32)
    for row in range(3, side - 3):
        middle = (side - 1) / 2 - slant * (row - (side - 1) / 2)
        columns = np.arange(side)
        image[row] = np.clip(2 - abs(columns - middle), 0, 1)
    return np.rint(255 * image).astype(np.uint8)


@pytest.fixture
def sheet(study_folder, rng) -> np.ndarray:
    """Twenty rows of six cells, each with its own gray levels."""
    pixels = rng.integers(0, 256, (20 * 9, 6 * 9), dtype=np.uint8)
    INCOMING.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(INCOMING / "digits.png")
    return pixels


def load(**options):
    spec = Spec(name="digit_sheet", **options)
    spec.check_files()
    return spec.load(spec.fetch())


def test_cells_are_cut_row_by_row_and_labels_are_bands(sheet):
    raw = load(digit=9)
    assert raw.images.shape == (120, 9, 9, 1)
    assert raw.labels.tolist() == sorted([*range(10)] * 12)
    assert raw.class_names == tuple("0123456789")
    for row, column in ((0, 0), (3, 5), (19, 2)):
        expected = sheet[9 * row : 9 * row + 9, 9 * column : 9 * column + 9]
        np.testing.assert_array_equal(raw.images[6 * row + column, ..., 0], expected)
    assert raw.image_names[6 * 3 + 5] == "row003/column005"
    assert set(raw.split) == {"train"}


@pytest.mark.parametrize("mode", ["RGB", "LA", "1"])
def test_a_sheet_may_be_stored_in_color_and_at_any_path(sheet, mode):
    expected = Image.fromarray(sheet).convert(mode).convert("L")
    Image.fromarray(sheet).convert(mode).save("elsewhere.png")
    raw = load(digit=9, path="elsewhere.png")
    cells = np.asarray(expected).reshape(20, 9, 6, 9).swapaxes(1, 2).reshape(-1, 9, 9)
    np.testing.assert_array_equal(raw.images[..., 0], cells)


def test_deskewing_makes_a_slanted_bar_upright_and_leaves_an_upright_one():
    upright = slanted_bar(0)
    np.testing.assert_array_equal(deskewed(upright[..., None])[..., 0], upright)
    for slant in (-0.5, 0.3):
        found = deskewed(slanted_bar(slant)[..., None])[..., 0]
        moments = cv2.moments(found)
        assert abs(moments["mu11"] / moments["mu02"]) < 0.02
        assert abs(found.astype(float).mean(axis=0) - upright.mean(axis=0)).max() < 45
    black = np.zeros((20, 20, 1), np.uint8)
    assert deskewed(black) is black


def test_deskewing_is_an_option_and_images_to_predict_get_it_too(study_folder):
    cells = [[slanted_bar(0.05 * column) for column in range(4)] for _ in range(10)]
    INCOMING.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.block(cells)).save(INCOMING / "digits.png")
    plain, upright = load(), load(deskew=True)
    assert plain.decoding == {"size": 20, "channels": "gray", "deskew": False}
    assert upright.decoding == {"size": 20, "channels": "gray", "deskew": True}
    for before, after in zip(plain.images, upright.images, strict=True):
        np.testing.assert_array_equal(after, deskewed(before))
    assert (plain.images != upright.images).any()
    assert upright.notes == ("the slant of each digit was undone",)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((180, 54), {}, r"found a sheet of 54×180 pixels; expected a width .* multiple of 20, .*"
         r"digits of 9, 18 pixels would fit"),
        ((180, 54), {"digit": 10}, r"multiple of 100, for 10 bands of whole rows"),
        ((1000, 1990), {}, r"a sheet of 1,990×1,000 pixels; .*digits of 10 pixels would fit"),
        ((101, 103), {}, r"no size fits"),
    ],
)  # fmt: skip
def test_a_sheet_whose_size_fits_no_digit_is_refused_by_check(
    study_folder, shape, options, message
):
    INCOMING.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros(shape, np.uint8)).save(INCOMING / "digits.png")
    spec = Spec(name="digit_sheet", **options)
    for refuse in (spec.check_files, lambda: spec.load(spec.fetch())):
        with pytest.raises(StudyError, match=message):
            refuse()


def test_no_sheet(study_folder):
    INCOMING.mkdir(parents=True, exist_ok=True)
    with pytest.raises(StudyError, match=r"digits\.png cannot be read .*OpenCV's digits\.png from"):
        load()


def test_a_file_that_is_no_picture(study_folder):
    INCOMING.mkdir(parents=True, exist_ok=True)
    (INCOMING / "digits.png").write_bytes(b"no picture")
    with pytest.raises(StudyError, match=r"cannot be read as a picture .*; expected a sheet"):
        load()
