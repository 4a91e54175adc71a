"""Whether a set uses its range: saturated images, hot pixels, and dark 8-bit images."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.data.reading.decoding import decode_files
from pipeline.data.reading.fitting import Target
from pipeline.data.reading.value_ranges import range_notes, used_range


def encoded(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


def notes(images, value_range=None, range_8_bits=None) -> tuple[str, ...]:
    files = [(str(n), encoded(each)) for n, each in enumerate(images)]
    given = [each if isinstance(each, tuple) else None for each in (value_range, range_8_bits)]
    pictures = [each for _, each in decode_files(files, Target(8), *given)]
    return range_notes(pictures, value_range, range_8_bits, "here")


def images(n: int, highest: int, dtype=np.uint8, shape=(16, 16)) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, highest + 1, shape).astype(dtype) for _ in range(n)]


def hot(image: np.ndarray) -> np.ndarray:
    changed = image.copy()
    changed[3, 4] = np.iinfo(image.dtype).max
    return changed


TWELVE = images(55, 4095, np.uint16)
WHITE = np.full((16, 16), 65_535, np.uint16)


@pytest.mark.tried(
    "Images",
    "12-bit gray in files of 16 bits with a saturated image, or a dead pixel in each image",
    "an error with the range that was found, with and without these, and the option to stretch it",
)
@pytest.mark.parametrize(
    "deep",
    [
        [*TWELVE, WHITE],
        [*TWELVE[:3], WHITE],
        [*TWELVE, *[WHITE] * 9],
        [*TWELVE, *images(2, 65_535, np.uint16)],
        [hot(each) for each in TWELVE],
        [hot(each) for each in TWELVE[:1]],
    ],
)
def test_a_few_bright_values_do_not_hide_a_small_range(deep):
    expected = r"from \d+ to 65,\d+ \(mostly from .* 1[56] of 256 .*value_range: \[0, 4095\]"
    with pytest.raises(StudyError, match=expected):
        notes(deep)
    assert notes(deep, (0, 4095))[0].endswith("values beyond are clipped")


def test_a_set_with_some_bright_images_is_read():
    assert notes([*TWELVE, *images(7, 65_535, np.uint16)])[0].endswith("65,535 is white")


@pytest.mark.tried(
    "Images",
    "8-bit images with values of 0 to 15, masks of 0 and 1, and one of these with hot pixels",
    "an error with the range that was found and the option to stretch it",
)
@pytest.mark.parametrize(
    ("dark", "suggested"),
    [
        (images(9, 15), 15),
        (images(9, 1), 1),
        (images(9, 12, shape=(16, 16, 3)), 15),
        ([hot(each) for each in images(9, 15)], 15),
        ([*images(30, 15), np.full((16, 16), 255, np.uint8)], 15),
        ([*images(9, 1), *images(9, 65_535, np.uint16)], 1),
    ],
)
def test_a_small_part_of_8_bits_is_rejected(dark, suggested):
    with pytest.raises(StudyError, match=rf"value_range_8_bits: \[0, {suggested}\], or"):
        notes(dark)
    assert "a dark set" in notes(dark, range_8_bits="full")[-1] or len(dark) == 18
    assert any(f"{suggested} white" in each for each in notes(dark, None, (0, suggested)))


def test_only_dark_8_bit_sets_are_noted():
    assert "mostly from 0 to 40" in notes(images(9, 40))[0]
    assert notes(images(9, 80)) == ()
    assert notes([*images(30, 9), *images(3, 255)]) == ()
    assert notes([np.full((9, 9, 3), (200, 0, 0), np.uint8), np.zeros((9, 9), np.uint8)]) == ()


def test_8_bits_are_stretched_only_by_their_own_range():
    mask, deep = np.eye(8, dtype=np.uint8), np.eye(8, dtype=np.uint16) * 4095
    clear = np.dstack([mask, mask, mask, np.full((8, 8), 255, np.uint8)])
    clear[0, 1:] = 0
    files = [(str(n), encoded(each)) for n, each in enumerate((mask, deep, clear))]
    found = [each for _, each in decode_files(files, Target(8), (0, 4095), (0, 1))]
    np.testing.assert_array_equal(found[0].pixels[..., 1], mask * 255)
    np.testing.assert_array_equal(found[1].pixels[..., 1], mask * 255)
    expected = mask * 255
    expected[0, 1:] = 255  # white shows through transparent pixels
    np.testing.assert_array_equal(found[2].pixels[..., 1], expected)
    untouched = [each for _, each in decode_files(files, Target(8), (0, 4095))]
    np.testing.assert_array_equal(untouched[0].pixels[..., 1], mask)
    assert used_range(found) == [0, 4095]
