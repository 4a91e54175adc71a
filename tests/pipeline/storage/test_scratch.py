"""Arrays on the disk: the same numbers as in memory, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.resizing import resize
from pipeline.storage import scratch
from pipeline.storage.paths import RESUME


@pytest.fixture(params=["memory", "disk"])
def place(request, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if request.param == "disk":
        monkeypatch.setattr(scratch, "MOST_IN_MEMORY", 100)
    return request.param


def test_images_are_resized_one_after_the_other(place, rng):
    images = rng.integers(0, 256, (7, 12, 10, 3), dtype=np.uint8)
    found = scratch.resized_images(images, (6, 20))
    np.testing.assert_array_equal(found, [resize(each, (6, 20)) for each in images])
    assert isinstance(found, np.memmap) == (place == "disk")
    assert not [*RESUME.rglob("*")]
    assert scratch.resized_images(images, (12, 10)) is images


def test_images_are_mirrored(place, rng, monkeypatch):
    monkeypatch.setattr(scratch, "_BLOCK", 3)
    images = rng.integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(scratch.mirrored_images(images), images[:, :, ::-1])


def test_images_are_kept_by_name(place, rng):
    images = rng.integers(0, 256, (9, 4, 5, 3), dtype=np.uint8)
    store = scratch.ImageStore((4, 5, 3))
    for number, image in enumerate(images):
        store.add(str(number), image[:, ::-1])
        np.testing.assert_array_equal(store.read(str(number // 2)), images[number // 2, :, ::-1])
    for number in (7, 0, 8):
        np.testing.assert_array_equal(store.read(str(number)), images[number, :, ::-1])
    assert not [*RESUME.rglob("*")]
