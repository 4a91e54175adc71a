"""Color profiles, made here of numbers: what they change, and what happens to damaged ones."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.data.reading import large_images
from pipeline.data.reading.decoding import decode, decode_small
from pipeline.data.reading.fitting import Target

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(65536 * value)) for value in values)


def profile(space: bytes, gamma: float, primaries: dict[bytes, tuple[float, ...]]) -> bytes:
    """Make an ICC profile of version 2 with one tone curve, as the standard lays it out."""
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(256 * gamma), 0)
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)}
    tags |= {name: b"XYZ " + bytes(4) + fixed(*values) for name, values in primaries.items()}
    names = (b"rTRC", b"gTRC", b"bTRC") if space == b"RGB " else (b"kTRC",)
    tags |= dict.fromkeys(names, curve)
    text = b"made for a test\0"
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(79)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = 132 + 12 * len(tags) + len(data)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return head + bytes(128 - len(head)) + table + data


# Adobe RGB (1998): its primaries, adapted to the white of profiles, and its gamma of 563/256.
ADOBE = {b"rXYZ": (0.60974, 0.31111, 0.01947), b"gXYZ": (0.20528, 0.62567, 0.06087),
         b"bXYZ": (0.14919, 0.06322, 0.74457)}  # fmt: skip
WIDE = profile(b"RGB ", 563 / 256, ADOBE)
GRAY = profile(b"GRAY", 1.75, {})


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def colors(rng):
    return rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)


def in_srgb(colors: np.ndarray) -> np.ndarray:
    """Convert Adobe RGB to sRGB by their definitions."""
    to_xyz = np.array(list(ADOBE.values())).T
    from_xyz = np.array(
        [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540],
         [0.0719453, -0.2289914, 1.4052427]]
    )  # fmt: skip
    return encoded_in_srgb(((colors / 255) ** (563 / 256) @ to_xyz.T @ from_xyz.T).clip(0, 1))


def encoded_in_srgb(linear: np.ndarray) -> np.ndarray:
    low, high = 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    return 255 * np.where(linear <= 0.0031308, low, high)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_colors_of_a_wide_space_become_srgb(colors, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(colors), kind, icc_profile=WIDE, **options)
    assert np.abs(decode(content) - in_srgb(colors)).max() <= 2
    assert np.abs(colors - in_srgb(colors)).max() > 20
    np.testing.assert_array_equal(decode(content, profiles=False), colors)


@pytest.mark.parametrize("content", [None, SRGB])
def test_images_without_a_profile_or_in_srgb_stay_as_they_are(colors, content):
    options = {"icc_profile": content} if content else {}
    file = encoded(Image.fromarray(colors), **options)
    np.testing.assert_array_equal(decode(file), colors)
    assert decode_small(file, Target(8)).profile == "none"


@pytest.mark.parametrize("content", [b"no profile", WIDE[:200], GRAY])
def test_a_profile_that_cannot_be_used_is_ignored_and_noted(colors, content):
    file = encoded(Image.fromarray(colors), icc_profile=content)
    np.testing.assert_array_equal(decode(file), colors)
    assert decode_small(file, Target(8)).profile == "damaged"


def test_gray_has_profiles_too():
    gray = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    found = decode(encoded(gray, icc_profile=GRAY))
    expected = encoded_in_srgb((np.arange(256).reshape(16, 16, 1) / 255) ** 1.75)
    assert np.abs(found - expected).max() <= 3
    assert np.abs(np.asarray(gray)[..., None] - expected).max() > 10


def test_transparency_is_kept(colors):
    alpha = np.full((40, 30, 1), 255, dtype=np.uint8)
    alpha[:20] = 0
    image = Image.fromarray(np.concatenate([colors, alpha], axis=2))
    found = decode(encoded(image, icc_profile=WIDE))
    assert (found[:20] == 255).all()
    assert np.abs(found[20:] - in_srgb(colors[20:])).max() <= 2


def test_a_palette_has_the_profile_of_its_colors():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 20, 220, 40])
    found = decode(encoded(image, icc_profile=WIDE))
    assert np.abs(found - in_srgb(np.array([20, 220, 40]))).max() <= 2


def test_large_images_are_converted_strip_by_strip(colors, monkeypatch):
    content = encoded(Image.fromarray(colors), icc_profile=WIDE)
    whole = decode_small(content, Target(10))
    monkeypatch.setattr(large_images, "LARGE_PIXELS", 100)
    monkeypatch.setattr(large_images, "_STRIP_VALUES", 200)
    found = decode_small(content, Target(10))
    assert np.abs(found.pixels.astype(int) - whole.pixels).max() <= 1
    assert found.profile == whole.profile == "converted"


def test_values_that_are_stretched_are_no_colors(colors):
    file = encoded(Image.fromarray(colors), icc_profile=WIDE)
    found = decode_small(file, Target(30, "crop"), None, (0, 255))
    np.testing.assert_array_equal(found.pixels, colors[5:35])
    assert found.profile == "none"
