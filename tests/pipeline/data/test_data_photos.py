"""Patches of bundled photographs: their pixels and splits, without a network."""

from __future__ import annotations

import re
import socket
from collections import Counter
from importlib.metadata import files

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from pipeline.checks import StudyError
from pipeline.data import photos
from pipeline.data.splits import make_splits


def load(**options):
    spec = photos.Spec(name="photos", **options)
    return spec.load(spec.fetch())


def places(raw):
    """Return the (split, photograph, row, column) of each patch, from its name."""
    pattern = re.compile(r"(\w+)/(\w+)/y(\d+)-x(\d+)")
    found = [pattern.fullmatch(name).groups() for name in raw.image_names]
    return [(split, photo, int(y), int(x)) for split, photo, y, x in found]


@pytest.fixture(scope="module")
def raw():
    return load()


@pytest.fixture(scope="module")
def originals():
    """Return the photographs as their own packages load them; these ten need no download."""
    import skimage.data as bundled

    return {
        "astronaut": bundled.astronaut(),
        "chelsea": bundled.chelsea(),
        "china": load_sample_image("china.jpg"),
        "coffee": bundled.coffee(),
        "flower": load_sample_image("flower.jpg"),
        "hubble_deep_field": bundled.hubble_deep_field(),
        "ihc": bundled.immunohistochemistry(),
        "motorcycle": bundled.stereo_motorcycle()[0],
        "retina": bundled.retina(),
        "rocket": bundled.rocket(),
    }


def test_every_photograph_is_in_the_wheel_of_its_package():
    listed = {str(path) for name in ("scikit-image", "scikit-learn") for path in files(name)}
    assert {f"{package}/{inside}" for package, inside in photos.PHOTOS.values()} <= listed


def test_patches_have_the_pixels_of_the_photograph(raw, originals):
    assert raw.class_names == tuple(originals)
    for image, label, (_, photo, y, x) in zip(raw.images, raw.labels, places(raw), strict=True):
        assert raw.class_names[label] == photo
        np.testing.assert_array_equal(image, originals[photo][y : y + 32, x : x + 32])


@pytest.mark.parametrize(
    "options", [{}, {"stride": 7, "tiles_seed": 3}, {"per_class": (5000, 5000, 5000)}]
)
def test_no_pixel_is_in_two_splits(options):
    numbers = {"train": 1, "validation": 2, "test": 3}
    owner = {photo: np.zeros((1500, 1500), np.uint8) for photo in photos.PHOTOS}
    for split, photo, y, x in places(load(**options)):
        region = owner[photo][y : y + 32, x : x + 32]
        assert np.all((region == 0) | (region == numbers[split]))
        region[...] = numbers[split]


def test_every_photograph_has_its_own_patches_in_every_split(raw):
    assert len(set(places(raw))) == len(raw.labels)
    counts = Counter((split, photo) for split, photo, _, _ in places(raw))
    sizes = {"train": 175, "validation": 50, "test": 75}
    assert counts == {(s, photo): n for s, n in sizes.items() for photo in photos.PHOTOS}


def test_patches_come_from_many_tiles(raw):
    tiles = Counter((photo, y // 96, x // 96) for _, photo, y, x in places(raw))
    per_photo = Counter(photo for photo, _, _ in tiles)
    assert per_photo["chelsea"] == 12  # all whole tiles of 300×451 pixels
    assert per_photo["retina"] > 100


def test_the_number_of_patches_is_an_option():
    raw = load(per_class=(30, 10, 20))
    assert Counter(raw.split.tolist()) == {"train": 300, "validation": 100, "test": 200}


def test_tiles_are_dealt_reproducibly_from_a_seed(raw):
    np.testing.assert_array_equal(load().image_names, raw.image_names)
    other = load(tiles_seed=1)
    train = {(photo, y // 96, x // 96) for s, photo, y, x in places(raw) if s == "train"}
    test = {(photo, y // 96, x // 96) for s, photo, y, x in places(other) if s == "test"}
    assert train & test


def test_the_splits_are_kept(raw):
    prepared = make_splits(raw, photos.Spec(name="photos"), 5)
    for split, ids in prepared.ids.items():
        np.testing.assert_array_equal(ids, np.flatnonzero(raw.split == split))


def test_nothing_is_downloaded(raw, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    source = photos.Spec(name="photos", path="not/there").fetch()
    assert [file.path for file in source.files] == [None]
    assert len(source.sha256) == 64
    np.testing.assert_array_equal(load().images, raw.images)


def test_a_missing_photograph_is_reported(monkeypatch):
    changed = photos.PHOTOS | {"coffee": ("skimage", "data/tea.png")}
    monkeypatch.setattr(photos, "PHOTOS", changed)
    with pytest.raises(StudyError, match=r"found no data/tea\.png.*'skimage'"):
        load()
    monkeypatch.setattr(photos, "PHOTOS", {"coffee": ("no_such_package", "data/coffee.png")})
    with pytest.raises(StudyError, match="no_such_package"):
        load()


@pytest.mark.parametrize("shape", [(96, 96, 3), (95, 960, 3), (96, 250, 3)])
def test_a_small_photograph_is_rejected(shape, rng):
    with pytest.raises(StudyError, match="at least three tiles"):
        photos.deal_tiles(shape, rng)


@pytest.mark.parametrize("width", [288, 400, 960, 3000])
def test_tiles_are_dealt_once_each(width, rng):
    dealt = photos.deal_tiles((300, width, 3), rng)
    tiles = [tile for tiles in dealt.values() for tile in tiles]
    assert sorted(tiles) == [(y, x) for y in (0, 96, 192) for x in range(0, width - 95, 96)]
    shares = [len(dealt[split]) / len(tiles) for split in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [4 / 7, 1 / 7, 2 / 7], atol=1 / len(tiles))
