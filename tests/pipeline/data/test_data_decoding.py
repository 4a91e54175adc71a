"""Decoding: each kind of image against values computed by hand or by OpenCV."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.data.decoding import decode, decode_files, resize


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def rgb(rng):
    """Random colours, smooth enough that no JPEG is too far off."""
    coarse = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})]
)
def test_lossless_files_give_their_pixels_in_rgb_order(rgb, kind, options):
    found = decode(encoded(Image.fromarray(rgb), kind, **options))
    np.testing.assert_array_equal(found, rgb)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpegs_equal_those_of_opencv(rgb, quality, options):
    content = encoded(Image.fromarray(rgb), "JPEG", quality=quality, **options)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode(content), expected)


def test_grey_is_repeated(rgb):
    grey = rgb[..., 0]
    expected = np.stack([grey] * 3, axis=2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey))), expected)
    jpeg = decode(encoded(Image.fromarray(grey), "JPEG"))
    assert np.all(jpeg == jpeg[..., :1])


def test_bilevel_is_black_and_white(rgb):
    bits = rgb[..., 0] > 127
    expected = np.repeat(np.where(bits, 255, 0)[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(bits))), expected)


def test_a_palette_is_looked_up(rgb):
    palette = Image.fromarray(rgb).quantize(20)  # as many colours as there can be
    np.testing.assert_array_equal(decode(encoded(palette)), np.array(palette.convert("RGB")))
    assert np.abs(decode(encoded(palette)).astype(int) - rgb).max() <= 4


def test_sixteen_bit_grey_keeps_its_upper_byte(rng):
    values = rng.integers(0, 65536, (6, 5), dtype=np.uint16)
    found = decode(encoded(Image.fromarray(values)))
    np.testing.assert_array_equal(found, np.repeat((values >> 8)[..., None], 3, axis=2))


def test_sixteen_bit_colour_keeps_its_upper_byte(rng):
    values = rng.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
    content = cv2.imencode(".png", values[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode(content), values >> 8)


def test_alpha_is_laid_over_white(rng):
    rgba = rng.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    rgba[0, 0] = (10, 20, 30, 0)
    rgba[0, 1] = (10, 20, 30, 255)
    alpha = rgba[..., 3:] / 255
    expected = rgba[..., :3] * alpha + 255 * (1 - alpha)
    found = decode(encoded(Image.fromarray(rgba)))
    assert np.abs(found - expected).max() <= 1
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [10, 20, 30]


def test_grey_with_alpha_is_laid_over_white(rng):
    la = rng.integers(0, 256, (9, 7, 2), dtype=np.uint8)
    expected = la[..., :1] * (la[..., 1:] / 255) + 255 * (1 - la[..., 1:] / 255)
    assert np.abs(decode(encoded(Image.fromarray(la, "LA"))) - expected).max() <= 1


def test_transparency_of_a_palette_is_laid_over_white():
    image = Image.new("P", (4, 4))
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.putpixel((1, 0), 1)
    found = decode(encoded(image, transparency=0))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [200, 10, 20]


def test_cmyk_becomes_rgb(rgb):
    content = encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=100)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(decode(content).astype(int) - expected).max() <= 2
    assert np.abs(decode(content).astype(int) - rgb).mean() < 4


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_rotation_in_exif_is_applied(rgb, orientation, upright, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = decode(encoded(Image.fromarray(rgb), kind))
    turned = decode(encoded(Image.fromarray(rgb), kind, exif=exif))
    np.testing.assert_array_equal(turned, upright(plain))


def test_an_image_of_that_size_is_untouched(rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert resize(image, 32) is image


def test_shrinking_averages_areas(rng):
    image = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    means = image.reshape(32, 2, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(resize(image, 32) - means).max() <= 0.51


def test_a_long_image_is_averaged_one_way_and_interpolated_the_other(rng):
    image = rng.integers(0, 256, (8, 64, 3), dtype=np.uint8)
    rows = image.reshape(8, 16, 4, 3).mean(axis=2)
    found = resize(image, 16)
    assert found.shape == (16, 16, 3)
    # Twice as high: rows of the result lie a quarter and three quarters between those before.
    np.testing.assert_allclose(found[2], 0.25 * rows[0] + 0.75 * rows[1], atol=1.01)
    np.testing.assert_allclose(found[0], rows[0], atol=0.51)


def test_damaged_files_are_named_and_the_others_kept(rgb):
    whole = encoded(Image.fromarray(rgb))
    jpeg = encoded(Image.fromarray(rgb), "JPEG", quality=95)
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 255
    files = {
        "good.png": whole,
        "half.png": whole[: len(whole) // 2],
        "half.jpg": jpeg[: len(jpeg) // 2],
        "flipped.png": bytes(broken),
        "empty.png": b"",
        "text.png": b"hello" * 100,
        "link.png": None,
        "tiff.png": encoded(Image.fromarray(rgb), "TIFF"),
        "good.jpg": jpeg,
    }
    found = dict(decode_files(files.items(), 16))
    assert list(found) == list(files)
    good = {name for name, value in found.items() if not isinstance(value, str)}
    assert good == {"good.png", "good.jpg"}
    assert found["good.png"].shape == (16, 16, 3)
    assert found["empty.png"] == "an empty file"
    assert all(value for value in found.values() if isinstance(value, str))


def test_opencv_would_show_what_is_transparent():
    """Why Pillow decodes."""
    content = encoded(Image.new("RGBA", (4, 4), (10, 20, 30, 0)))
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert shown[0, 0].tolist() == [30, 20, 10]
    assert decode(content)[0, 0].tolist() == [255, 255, 255]


def test_no_cut_of_a_jpeg_passes(rgb):
    content = encoded(Image.fromarray(rgb), "JPEG", quality=95)
    for length in range(0, len(content) - 2, 37):
        (found,) = decode_files([("cut.jpg", content[:length])], 16)
        assert isinstance(found[1], str), length


def test_jpegs_with_several_pictures_give_the_first(rgb):
    other = Image.fromarray(255 - rgb)
    content = encoded(Image.fromarray(rgb), "MPO", save_all=True, append_images=[other], quality=95)
    np.testing.assert_array_equal(
        decode(content), decode(encoded(Image.fromarray(rgb), "JPEG", quality=95))
    )


@pytest.mark.parametrize("side", [8, 160])
def test_order_is_kept_across_batches_small_and_large(side, rng):
    images = rng.integers(0, 256, (150, side, side, 3), dtype=np.uint8)
    files = [(f"{n}.png", encoded(Image.fromarray(i))) for n, i in enumerate(images)]
    found = list(decode_files(iter(files), side))
    assert [name for name, _ in found] == [name for name, _ in files]
    np.testing.assert_array_equal(np.stack([image for _, image in found]), images)
