"""The size that a method gets: its own, the stored one, or, if it enlarges itself, the smaller."""

from __future__ import annotations

import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.config.image_size import SizeOptions


class Enlarging(SizeOptions):
    enlarges = True


@pytest.mark.parametrize(
    ("kind", "size", "stored", "seen"),
    [
        (SizeOptions, None, (40, 30), (40, 30)),
        (SizeOptions, 32, (40, 30), (32, 32)),
        (SizeOptions, 32, (8, 8), (32, 32)),
        (Enlarging, 32, (40, 30), (32, 30)),
        (Enlarging, 32, (64, 64), (32, 32)),
        (Enlarging, 32, (8, 8), (8, 8)),
        (Enlarging, None, (8, 8), (8, 8)),
    ],
)
def test_sides_that_a_method_gets(kind, size, stored, seen):
    assert kind(image_size=size).sides_seen(stored) == seen


@pytest.mark.parametrize("kind", ["features", "deep"])
def test_every_method_has_a_size(kind):
    for method in registry.method_names(kind):
        spec = registry.parse(kind, {"method": method, "image_size": 96}, kind)
        assert isinstance(spec, SizeOptions)
        assert spec.image_size == 96
        with pytest.raises(StudyError, match=r"image_size: found 4000; .*at most 512"):
            registry.parse(kind, {"method": method, "image_size": 4000}, kind)


@pytest.mark.parametrize("kind", ["features", "deep"])
def test_without_a_size_images_stay_as_they_are_stored(kind):
    for method in registry.method_names(kind):
        spec = registry.parse(kind, {"method": method}, kind)
        if method not in ("pretrained", "transfer"):  # whose networks have a size of their own
            assert spec.sides_seen((50, 70)) == (50, 70)
