"""Decoding: each kind of image is compared with values computed by hand or by OpenCV."""

from __future__ import annotations

import io
import resource
import struct
import threading
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.data.reading import decoding, large_images
from pipeline.data.reading.decoding import decode, decode_files, decode_small
from pipeline.data.reading.fitting import Target


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def rgb(rng):
    """Return random colors, smooth enough for JPEGs to stay close."""
    coarse = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
    ],
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


def test_gray_is_repeated(rgb):
    gray = rgb[..., 0]
    expected = np.stack([gray] * 3, axis=2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(gray))), expected)
    jpeg = decode(encoded(Image.fromarray(gray), "JPEG"))
    assert np.all(jpeg == jpeg[..., :1])


def test_bilevel_is_black_and_white(rgb):
    bits = rgb[..., 0] > 127
    expected = np.repeat(np.where(bits, 255, 0)[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(bits))), expected)


def test_a_palette_is_looked_up(rgb):
    palette = Image.fromarray(rgb).quantize(20)  # as many colors as possible
    np.testing.assert_array_equal(decode(encoded(palette)), np.array(palette.convert("RGB")))
    assert np.abs(decode(encoded(palette)).astype(int) - rgb).max() <= 4


def test_sixteen_bit_gray_keeps_its_upper_byte(rng):
    values = rng.integers(0, 65536, (6, 5), dtype=np.uint16)
    found = decode(encoded(Image.fromarray(values)))
    np.testing.assert_array_equal(found, np.repeat((values >> 8)[..., None], 3, axis=2))


def test_sixteen_bit_color_keeps_its_upper_byte(rng):
    values = rng.integers(0, 65536, (6, 5, 3), dtype=np.uint16)
    content = cv2.imencode(".png", values[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode(content), values >> 8)


def test_alpha_is_blended_with_white(rng):
    rgba = rng.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    rgba[0, 0] = (10, 20, 30, 0)
    rgba[0, 1] = (10, 20, 30, 255)
    alpha = rgba[..., 3:] / 255
    expected = rgba[..., :3] * alpha + 255 * (1 - alpha)
    found = decode(encoded(Image.fromarray(rgba)))
    assert np.abs(found - expected).max() <= 1
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [10, 20, 30]


def test_gray_with_alpha_is_blended_with_white(rng):
    la = rng.integers(0, 256, (9, 7, 2), dtype=np.uint8)
    expected = la[..., :1] * (la[..., 1:] / 255) + 255 * (1 - la[..., 1:] / 255)
    assert np.abs(decode(encoded(Image.fromarray(la, "LA"))) - expected).max() <= 1


def test_transparency_of_a_palette_is_blended_with_white():
    image = Image.new("P", (4, 4))
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.putpixel((1, 0), 1)
    found = decode(encoded(image, transparency=0))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [200, 10, 20]


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA"])
def test_tiff_of_other_modes(rgb, mode):
    image = Image.fromarray(rgb).convert(mode)
    np.testing.assert_array_equal(decode(encoded(image, "TIFF")), np.array(image.convert("RGB")))


@pytest.mark.parametrize(("kind", "exact"), [("TIFF", True), ("GIF", False), ("WEBP", True)])
def test_the_first_of_several_pages_or_frames_is_used(rgb, kind, exact):
    image, other = Image.fromarray(rgb), Image.fromarray(255 - rgb)
    options = {"lossless": True} if kind == "WEBP" else {}
    found = decode(encoded(image, kind, save_all=True, append_images=[other], **options))
    assert np.abs(found.astype(int) - rgb).max() <= (0 if exact else 4)


def test_a_transparent_gif_is_blended_with_white():
    image = Image.new("P", (4, 4))
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.putpixel((1, 0), 1)
    found = decode(encoded(image, "GIF", transparency=0))
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
        (4, np.flipud),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_the_rotation_in_exif_is_applied(rgb, orientation, upright, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain = decode(encoded(Image.fromarray(rgb), kind))
    turned = decode(encoded(Image.fromarray(rgb), kind, exif=exif))
    np.testing.assert_array_equal(turned, upright(plain))


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
        "page.png": b"<!DOCTYPE html><p>Not found",
        "noise.png": bytes(range(256)),
        "link.png": None,
        "tiff.png": encoded(Image.fromarray(rgb), "TIFF"),
        "good.jpg": jpeg,
    }
    found = dict(decode_files(files.items(), Target(16)))
    assert list(found) == list(files)
    good = {name for name, value in found.items() if not isinstance(value, str)}
    assert good == {"good.png", "good.jpg", "tiff.png"}
    assert found["good.png"].pixels.shape == (16, 16, 3)
    assert found["empty.png"] == "an empty file"
    assert found["text.png"] == "not an image in a known format (text file)"
    assert found["page.png"] == "not an image in a known format (web page)"
    assert found["noise.png"] == "not an image in a known format"
    assert all(value for value in found.values() if isinstance(value, str))


def test_opencv_would_show_what_is_transparent():
    """This is why Pillow decodes."""
    content = encoded(Image.new("RGBA", (4, 4), (10, 20, 30, 0)))
    shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert shown[0, 0].tolist() == [30, 20, 10]
    assert decode(content)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.tried(
    "Images",
    "files of eight formats, cut off anywhere",
    "the reason why they cannot be read; pixels only where nothing but the end mark is missing",
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF"])
def test_truncated_files_never_give_other_pixels(rgb, kind, trials):
    content = encoded(Image.fromarray(rgb), kind)
    lengths = [*range(0, len(content) - 24, 37), *range(len(content) - 24, len(content))]
    whole = decode(content)
    for length in lengths:
        ((_, found),) = decode_files([("cut", content[:length])], Target(32))
        if not isinstance(found, str):
            assert length >= len(content) - 24
            np.testing.assert_array_equal(decode(content[:length]), whole)
    trials(len(lengths))


def test_jpegs_with_several_pictures_give_the_first(rgb):
    other = Image.fromarray(255 - rgb)
    content = encoded(Image.fromarray(rgb), "MPO", save_all=True, append_images=[other], quality=95)
    np.testing.assert_array_equal(
        decode(content), decode(encoded(Image.fromarray(rgb), "JPEG", quality=95))
    )


@pytest.mark.parametrize("side", [8, 160])
def test_order_is_kept_across_small_and_large_batches(side, rng):
    images = rng.integers(0, 256, (150, side, side, 3), dtype=np.uint8)
    files = [(f"{n}.png", encoded(Image.fromarray(i))) for n, i in enumerate(images)]
    found = list(decode_files(iter(files), Target(side)))
    assert [name for name, _ in found] == [name for name, _ in files]
    np.testing.assert_array_equal(np.stack([image.pixels for _, image in found]), images)


# --- large images ---------------------------------------------------------------------------------


LARGE = {
    "gray": Image.fromarray(np.random.default_rng(1).integers(0, 256, (301, 211), np.uint8)),
    "bilevel": Image.fromarray(np.random.default_rng(2).random((150, 333)) > 0.5),
    "palette": Image.fromarray(
        np.random.default_rng(3).integers(0, 256, (99, 250, 3), np.uint8)
    ).quantize(40),
    "alpha": Image.fromarray(np.random.default_rng(4).integers(0, 256, (260, 130, 4), np.uint8)),
    "16-bit gray": Image.fromarray(
        np.random.default_rng(5).integers(0, 65536, (257, 129), np.uint16)
    ),
    "a thin one": Image.fromarray(np.random.default_rng(6).integers(0, 256, (900, 5), np.uint8)),
}


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("what", LARGE)
def test_large_images_are_shrunk_strip_by_strip_to_the_same_pixels(what, fit, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(LARGE[what], exif=exif)
    target = Target(24, fit)
    whole = decode_small(content, target)
    monkeypatch.setattr(large_images, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(large_images, "_STRIP_VALUES", 3000)
    found = decode_small(content, target)
    assert np.abs(found.pixels.astype(int) - whole.pixels).max() <= 1
    assert (found.side, found.values) == (whole.side, whole.values)
    assert found.side == min(LARGE[what].size)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_large_jpeg_is_read_at_a_fraction_and_reproducibly(rgb, options, monkeypatch):
    smooth = cv2.resize(rgb, (600, 800), interpolation=cv2.INTER_CUBIC)
    content = encoded(Image.fromarray(smooth), "JPEG", quality=95, **options)
    whole = decode_small(content, Target(32))
    shapes = []
    shrunk = large_images.shrunk
    monkeypatch.setattr(large_images, "shrunk", lambda *a: shapes.append(a[0].size) or shrunk(*a))
    monkeypatch.setattr(large_images, "LARGE_PIXELS", 1000)
    found = decode_small(content, Target(32))
    assert shapes == [(75, 100)]  # an eighth, which is at least twice 32
    assert found.side == 600
    assert np.abs(found.pixels.astype(int) - whole.pixels).mean() < 1
    np.testing.assert_array_equal(found.pixels, decode_small(content, Target(32)).pixels)


@pytest.mark.tried(
    "Images",
    "a PNG of a few bytes that states 60,000 x 60,000 pixels",
    "the file is named as unreadable, with its size; nothing is allocated",
)
def test_an_image_beyond_the_limit_is_unreadable_with_its_size():
    content = bytearray(encoded(Image.new("1", (8, 8))))
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")  # the header's checksum
    ((_, found),) = decode_files([("bomb.png", bytes(content))], Target(16))
    assert found == (
        "60,000 x 60,000 pixels, more than the maximum of 500,000,000 (2 GB of memory)"
    )


def test_a_tiff_with_fewer_rows_than_it_states_is_unreadable():
    """If its height is damaged, the existing rows would be read, and the rest would be black."""
    content = encoded(Image.new("RGB", (4, 8), "white"), "TIFF")
    height = content.index(struct.pack("<HHII", 257, 4, 1, 8))
    longer = content[: height + 8] + struct.pack("<I", 80) + content[height + 12 :]
    ((_, found),) = decode_files([("a.tif", longer)], Target(8))
    assert found == "it has only 8 of 80 rows"


@pytest.mark.parametrize(("budget", "most"), [(2500, 2), (900, 1), (10**9, 8)])
def test_few_pixels_are_decoded_at_a_time(budget, most, monkeypatch):
    monkeypatch.setattr(large_images, "PIXELS_AT_ONCE", budget)
    monkeypatch.setattr(decoding, "_LARGE_FILE", 1)  # use threads
    monkeypatch.setattr("concurrent.futures.thread.os.cpu_count", lambda: 8)
    at_once, seen, lock = 0, [], threading.Lock()
    load = decoding._load

    def watched(image):
        nonlocal at_once
        with lock:
            at_once += 1
            seen.append(at_once)
        load(image)
        time.sleep(0.01)
        with lock:
            at_once -= 1

    monkeypatch.setattr(decoding, "_load", watched)
    content = encoded(Image.new("L", (32, 32)))
    assert len(list(decode_files([(str(n), content) for n in range(8)], Target(8)))) == 8
    assert max(seen) <= most
    assert most == 1 or max(seen) > 1


@pytest.mark.tried(
    "Memory",
    "too little memory for an image, in Pillow, in its codecs and in OpenCV",
    "lack of memory is raised as such; no file is called unreadable",
)
@pytest.mark.parametrize("where", ["load", "codec", "convert", "resize"])
def test_lack_of_memory_is_not_blamed_on_a_file(where, rgb, monkeypatch):
    def none_left(*_, **__):
        raise MemoryError("none left")

    def codec(_):
        raise OSError("out of memory error when reading image file")

    def opencv(*_, **__):
        raise cv2.error("OpenCV(4) alloc.cpp:73: error: (-4:Insufficient memory) Failed to ...")

    image = Image.fromarray(rgb).quantize(20) if where == "convert" else Image.fromarray(rgb)
    content = encoded(image)
    if where == "codec":
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", codec)
        monkeypatch.setattr(np, "empty", none_left)
    else:
        place = {"load": "PIL.ImageFile.ImageFile.load", "convert": "PIL.Image.Image.convert"}
        monkeypatch.setattr(
            place.get(where, "cv2.resize"), opencv if where == "resize" else none_left
        )
    with pytest.raises(MemoryError):
        list(decode_files([("a.png", content)], Target(16)))


def test_a_damaged_file_that_asks_for_far_too_much_memory_is_unreadable(rgb, monkeypatch):
    def codec(_):
        raise OSError("out of memory error when reading image file")

    content = encoded(Image.fromarray(rgb), "TIFF")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", codec)
    ((_, found),) = decode_files([("a.tif", content)], Target(16))
    assert "out of memory" in found


# --- damaged files --------------------------------------------------------------------------------


KINDS = {
    "PNG": [Image.new("RGB", (9, 7), (1, 2, 3)), Image.new("P", (9, 7), 3)],
    "JPEG": [LARGE["gray"].resize((16, 12)), LARGE["palette"].convert("RGB").resize((16, 12))],
    "BMP": [Image.new("RGB", (9, 7), (1, 2, 3))],
    "WEBP": [LARGE["alpha"].resize((16, 12))],
    "TIFF": [LARGE["16-bit gray"].crop((0, 0, 9, 7)), Image.new("CMYK", (9, 7), (1, 2, 3, 4))],
    "GIF": [Image.new("P", (9, 7), 3)],
    "PPM": [Image.new("RGB", (9, 7), (1, 2, 3))],
    "AVIF": [LARGE["alpha"].convert("RGB").resize((16, 12))],
}


@pytest.mark.tried(
    "Images",
    "small images of eight formats with bytes changed, cut out, doubled or cut off at random",
    "pixels of the right shape, or the reason why there are none",
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_give_pixels_or_a_reason(kind, trials):
    rng = np.random.default_rng(99)
    lzw = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    files = []
    for image in KINDS[kind]:
        whole = encoded(image, kind, **lzw)
        for number in range(300 // len(KINDS[kind])):
            content = bytearray(whole)
            for at in rng.integers(0, len(content), rng.integers(1, 5)):
                content[at] = rng.integers(0, 256)
            at, length = rng.integers(0, len(content)), int(rng.integers(0, 20))
            how = rng.integers(0, 6)
            if how == 0:
                del content[at : at + length]
            elif how == 1:
                content[at:at] = content[at : at + length]
            elif how == 2:
                del content[at:]
            files.append((str(number), bytes(content)))
    found = [each for _, each in decode_files(files, Target(8))]
    assert len(found) == len(files)
    for each in found:
        assert (isinstance(each, str) and each) or each.pixels.shape == (8, 8, 3)
    assert any(isinstance(each, str) for each in found)
    trials(len(files))


def test_the_first_image_of_an_mpo_file_is_read(rgb):
    first, second = Image.fromarray(rgb), Image.fromarray(255 - rgb)
    several = encoded(first, "MPO", save_all=True, append_images=[second], quality=95)
    np.testing.assert_array_equal(decode(several), decode(encoded(first, "JPEG", quality=95)))


@pytest.mark.parametrize("compression", [1, 5])
def test_a_tiff_with_16_bits_a_channel_keeps_the_upper_8(rng, compression):
    values = rng.integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    _, content = cv2.imencode(".tif", values, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    np.testing.assert_array_equal(decode(content.tobytes())[..., ::-1], values >> 8)


def test_photographs_of_30_megapixels_are_read_in_little_memory(rng):
    image = Image.new("RGB", (6000, 5000), (10, 200, 90))
    content = encoded(image, "JPEG")
    del image
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = decode_small(content, Target(224, "crop"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kB
    assert (found.side, found.pixels.shape) == (5000, (224, 224, 3))
    assert np.abs(found.pixels.astype(int) - (10, 200, 90)).max() <= 3
