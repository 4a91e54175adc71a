"""Other depths than 8 bits and transparent colors, compared with values computed by hand."""

from __future__ import annotations

import io
import itertools
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.data.reading.decoding import Picture, decode, decode_files
from pipeline.data.reading.fitting import Target


def png(rows: np.ndarray, depth: int, color: int, transparent: bytes = b"") -> bytes:
    """Return a PNG written by hand from (height, bytes per row) packed samples."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color]
    width = rows.shape[1] * 8 // (depth * channels)
    head = struct.pack(">IIBBBBB", width, len(rows), depth, color, 0, 0, 0)
    data = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in rows)
    hidden = chunk(b"tRNS", transparent) if transparent else b""
    end = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + hidden + end


def big_endian(values: np.ndarray) -> np.ndarray:
    return np.frombuffer(values.astype(">u2").tobytes(), np.uint8).reshape(len(values), -1)


def tiff(values: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **{"photometric": "minisblack", **options})
    return stream.getvalue()


def picture(content: bytes, size: int, value_range=None) -> Picture:
    ((_, found),) = decode_files([("x", content)], Target(size), value_range)
    assert isinstance(found, Picture), found
    return found


def gray(levels) -> np.ndarray:
    return np.repeat(np.asarray(levels, np.uint8)[..., None], 3, axis=2)


@pytest.mark.tried(
    "Images", "PNG of 16-bit gray with a transparent value", "that value alone becomes white"
)
def test_a_transparent_value_of_16_bit_gray_is_white():
    values = np.array([[0x1234, 0x1235], [0x0000, 0xFFFF]], np.uint16)
    found = decode(png(big_endian(values), 16, 0, struct.pack(">H", 0x1234)))
    np.testing.assert_array_equal(found, gray([[255, 0x12], [0, 255]]))


@pytest.mark.parametrize(("depth", "step"), [(1, 255), (2, 85), (4, 17)])
def test_a_transparent_value_of_fewer_bits_is_white(depth, step):
    values = np.arange(8) % 2**depth
    bits = (values[:, None] >> np.arange(depth)[::-1]) & 1
    packed = np.packbits(bits.reshape(-1))[None]
    plain = decode(png(packed, depth, 0))
    np.testing.assert_array_equal(plain, gray(values[None] * step))
    found = decode(png(packed, depth, 0, struct.pack(">H", 1)))
    np.testing.assert_array_equal(found, gray(np.where(values == 1, 255, values * step)[None]))


def test_a_transparent_color_of_16_bits_is_white():
    values = np.array([[[0x1234, 0x5678, 0x9ABC], [0x0034, 0x0078, 0x00BC]]], np.uint16)
    content = png(big_endian(values.reshape(1, -1)), 16, 2, struct.pack(">HHH", *values[0, 0]))
    np.testing.assert_array_equal(decode(content), [[[255, 255, 255], [0, 0, 0]]])


TIFFS = {
    "16-bit gray": np.array([[0, 256, 4095], [300, 40_000, 65_535], [1, 2, 3]], np.uint16),
    "signed 16-bit gray": np.array([[-1024, -1, 0], [1, 3071, 500], [1, 2, 3]], np.int16),
    "32-bit gray": np.array([[0, 1, 2], [3, 2**31, 2**32 - 1], [1, 2, 3]], np.uint32),
    "signed 32-bit gray": np.array([[-(2**31), 0, 5], [1, 2, 2**31 - 1], [1, 2, 3]], np.int32),
    "floating-point gray": np.array([[0, 0.25, 1], [0.5, 0.75, 0.1], [1, 0, 1]], np.float32),
}


@pytest.mark.tried(
    "Images",
    "TIFF of 16 and 32 bits, signed, unsigned and floating-point",
    "the stated range becomes 0 to 255, and the range that was found is reported",
)
@pytest.mark.parametrize(("kind", "order"), itertools.product(TIFFS, "<>"))
def test_values_of_a_tiff_are_stretched(kind, order):
    stored = TIFFS[kind]
    low, high = float(stored.min()), float(stored.max())
    if (kind, order) == ("32-bit gray", ">"):  # Pillow does not support this
        ((_, found),) = decode_files([("x", tiff(stored, byteorder=order))], Target(3))
        assert found == "TIFF image, damaged or of an unsupported kind"
        return
    found = picture(tiff(stored, byteorder=order), 3, (low, high))
    assert (found.layout.kind, found.values) == (kind, (low, high))
    expected = np.rint((stored.astype(np.float64) - low) / (high - low) * 255)
    np.testing.assert_array_equal(found.pixels, gray(expected))


def test_values_beyond_the_range_are_clipped():
    values = np.array([[0, 100], [4095, 5000]], np.uint16)
    found = picture(tiff(values), 2, (100, 4095))
    np.testing.assert_array_equal(found.pixels, gray([[0, 0], [255, 255]]))
    assert found.values == (0, 5000)


def test_white_is_zero_if_a_tiff_says_so():
    values = np.array([[0, 0xFF00], [0x8000, 0xFFFF]], np.uint16)
    found = decode(tiff(values, photometric="miniswhite"))
    np.testing.assert_array_equal(found, gray([[255, 0], [127, 0]]))


def test_16_bit_color_reports_its_range():
    values = np.array([[[0, 4095, 100], [3, 2, 1]]] * 2, np.uint16)
    for suffix in (".png", ".tiff"):
        found = picture(cv2.imencode(suffix, values)[1].tobytes(), 2)
        assert (found.layout.kind, found.values) == ("16-bit color", (0, 4095))
        np.testing.assert_array_equal(found.pixels, (values >> 8)[..., ::-1])


def test_one_hot_pixel_is_not_usual():
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    values[5, 6] = 65_535
    found = picture(tiff(values), 8)
    assert found.values == (0, 65_535)
    assert found.usual == (5, 4091)
    colors = np.zeros((20, 20, 3), np.uint8)
    colors[3:9] = (3, 9, 2)
    colors[0, 0] = 255
    assert picture(cv2.imencode(".png", colors)[1].tobytes(), 8).usual == (0, 9)


def test_a_transparent_value_is_not_usual():
    values = np.arange(256, dtype=np.uint16).reshape(16, 16)
    values[:4] = 65_535
    found = picture(png(big_endian(values), 16, 0, struct.pack(">H", 65_535)), 8)
    assert found.usual == (65, 254)


def test_a_large_image_reports_its_usual_values(monkeypatch):
    values = np.zeros((300, 200), np.uint16)
    values[:, ::2] = 4000  # even steps would see all or none of these
    whole = picture(tiff(values), 8)
    monkeypatch.setattr("pipeline.data.reading.large_images.LARGE_PIXELS", 100)
    monkeypatch.setattr("pipeline.data.reading.large_images._STRIP_VALUES", 2000)
    assert picture(tiff(values), 8).usual == whole.usual == (0, 4000)


def test_8_bit_images_have_no_range():
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK"):
        stream = io.BytesIO()
        Image.new(mode, (4, 4)).save(stream, "TIFF")
        assert picture(stream.getvalue(), 4).values is None


def test_nan_and_infinity_are_not_an_image():
    for value in (np.nan, np.inf):
        content = tiff(np.array([[0, value], [1, 2]], np.float32))
        ((_, found),) = decode_files([("x", content)], Target(8))
        assert "NaN or infinite" in found
