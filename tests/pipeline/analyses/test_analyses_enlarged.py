"""Enlarged images are named where the originals had more to show, and only there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.analyses.enlarged import enlarged_sentences
from pipeline.storage.runs import Card
from pipeline.storage.splits import DatasetCard


def dataset(stored: int, *sides: int) -> DatasetCard:
    spread = dict(zip(("smallest", "median", "largest"), sides, strict=False))
    card = DatasetCard("d", "d", "0", ("a", "b"), (stored, stored, 3), {"test": 9}, seed=0)
    return DatasetCard(**{**vars(card), "original_sides": spread})


def run(name: str, image_size: int | None = None, **sets: Any) -> Card:
    notes = {"feature_sets": sets} if sets else {}
    return cast(Card, SimpleNamespace(run=name, options={"image_size": image_size}, notes=notes))


RUNS = [
    run("vgg16_transfer", 64),
    run("alexnet", None),
    run("vgg16_svm", hog={"method": "hog", "cell": 8}, vgg={"method": "vgg", "image_size": 64}),
    run("large", 224),
    run("same", 32),
]


def test_runs_that_see_enlarged_images_are_named():
    assert enlarged_sentences(dataset(32, 224, 480, 640), RUNS) == [
        "vgg16_transfer, vgg16_svm see images of 64 pixels that are enlarged from the stored 32, "
        "although the shorter sides of the originals are 224 to 640 pixels (median 480): "
        "dataset.size: 64 would keep what is lost now.",
        "large sees images of 224 pixels that are enlarged from the stored 32, although the "
        "shorter sides of the originals are 224 to 640 pixels (median 480): dataset.size: 224 "
        "would keep what is lost now.",
    ]
    (only,) = enlarged_sentences(dataset(32, 48, 48, 48), RUNS[:1])
    assert "originals are 48 pixels: dataset.size: 48 would" in only


@pytest.mark.parametrize("sides", [(), (32, 32, 32), (20, 32, 640)])
def test_images_that_were_no_larger_are_not(sides):
    assert enlarged_sentences(dataset(32, *sides), RUNS) == []


def test_nothing_is_enlarged_that_is_stored_large_enough():
    assert enlarged_sentences(dataset(224, 500, 500, 500), RUNS) == []
