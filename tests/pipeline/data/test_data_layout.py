"""Layouts: order, and places in it (what is refused stands in test_data_image_folder.py)."""

from __future__ import annotations

from pipeline.data.layout import lay_out


def test_each_image_gets_its_split_its_class_and_its_path():
    names = ["my/Test/dog/1.png", "my/train/dog/1.png", "my/train/cat/2.png", "my/Test/cat/1.png"]
    assert lay_out(names, "x") == {
        "my/Test/cat/1.png": ("test", "cat", "Test/cat/1.png"),
        "my/Test/dog/1.png": ("test", "dog", "Test/dog/1.png"),
        "my/train/cat/2.png": ("train", "cat", "train/cat/2.png"),
        "my/train/dog/1.png": ("train", "dog", "train/dog/1.png"),
    }


def test_layout_sorts_by_parts_not_by_letters():
    names = ["train/a b/1.png", "train/a/2.png", "train/a/10.png"]
    # "a b" sorts before "a/" letter by letter; as folders, a comes first.
    assert [place[2] for place in lay_out(names, "x").values()] == [
        "train/a/10.png",
        "train/a/2.png",
        "train/a b/1.png",
    ]
