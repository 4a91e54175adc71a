"""Layouts: order and places (for rejected layouts see test_data_image_folder.py)."""

from __future__ import annotations

import pytest

from pipeline.checks import StudyError
from pipeline.data.reading.layout import lay_out


def test_each_image_gets_its_split_its_class_and_its_path():
    names = ["my/Test/dog/1.png", "my/train/dog/1.png", "my/train/cat/2.png", "my/Test/cat/1.png"]
    assert lay_out(names, "x") == {
        "my/Test/cat/1.png": ("test", "cat", "Test/cat/1.png"),
        "my/Test/dog/1.png": ("test", "dog", "Test/dog/1.png"),
        "my/train/cat/2.png": ("train", "cat", "train/cat/2.png"),
        "my/train/dog/1.png": ("train", "dog", "train/dog/1.png"),
    }


def test_layout_sorts_by_parts_of_paths():
    names = ["train/a b/1.png", "train/a/2.png", "train/a/10.png"]
    # As strings, "a b" sorts before "a/"; as folders, a comes first.
    assert [place[2] for place in lay_out(names, "x").values()] == [
        "train/a/10.png",
        "train/a/2.png",
        "train/a b/1.png",
    ]


@pytest.mark.tried(
    "Names",
    "class folders that differ in case or in a space at the end alone",
    "an error that names both",
)
@pytest.mark.parametrize("twin", ["cat", "CAT", "Cat "])
@pytest.mark.parametrize("split", ["", "train/", "test/"])
def test_classes_that_differ_only_in_case_are_rejected(split, twin):
    """In one split or in two; the message is not about classes missing in a split."""
    first = split.replace("test", "train")
    names = [f"{first}Cat/1.png", f"{first}dog/1.png", f"{split}{twin}/2.png", f"{split}dog/2.png"]
    with pytest.raises(StudyError, match="differ only in case or spaces") as caught:
        lay_out(names, "x")
    assert repr(twin) in str(caught.value)


def test_letters_of_handwriting_may_differ_in_case():
    placed = lay_out(["a/1.png", "A/1.png", "b/1.png"], "x")
    assert {name for _, name, _ in placed.values()} == {"a", "A", "b"}


@pytest.mark.tried(
    "Names", "a class that is called train, as the vehicle", "an error that says how to keep it"
)
@pytest.mark.parametrize(
    ("names", "way_out"),
    [
        (["bus/1.png", "train/1.png"], "train/bus, train/train"),
        (["Test/1.png", "train/1.png"], "train/Test"),
        (["mine/bus/1.png", "mine/val/1.png"], "train/bus, train/val"),
    ],
)
def test_a_class_with_the_name_of_a_split_gets_a_remedy(names, way_out):
    with pytest.raises(StudyError, match=r"is a class and not a split, move all") as caught:
        lay_out(names, "x")
    assert str(caught.value).endswith(f"called train: {way_out}")


def test_the_remedy_works():
    placed = lay_out(["train/bus/1.png", "train/train/1.png", "train/test/1.png"], "x")
    assert {name for _, name, _ in placed.values()} == {"bus", "test", "train"}
