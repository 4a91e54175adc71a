"""Names of files: one spelling, printable, and unique."""

from __future__ import annotations

import pytest

from pipeline.checks import StudyError
from pipeline.data.reading.names import MAX_DEPTH, Names, is_hidden


def test_names_are_normalized():
    assert Names("x").take("/train//cafe\u0301/./0.png") == "train/caf\u00e9/0.png"


@pytest.mark.tried(
    "Names",
    "class folders with control characters, line breaks, invisible or reversing characters",
    "an error that shows the name, escaped",
)
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("be\all", r"be\x07ll"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ("c1\x85", r"c1\x85"),
        ("no\ufffe", r"no\ufffe"),
        ("no\uffff", r"no\uffff"),
        ("no\U0001fffe", r"no\U0001fffe"),
        ("\u202etac", r"\u202etac"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("para\u2029graph", r"para\u2029graph"),
    ],
)
def test_unprintable_folders_are_rejected(name, shown):
    for place in (f"{name}/0.png", f"train/{name}/0.png"):
        with pytest.raises(StudyError, match="Rename the folder") as caught:
            Names("x").take(place)
        assert shown in str(caught.value)
        assert name not in str(caught.value)


@pytest.mark.tried(
    "Names", "image files with escape codes in their names", "they are read; the name is escaped"
)
def test_unprintable_files_are_escaped():
    assert Names("x").take("cat/\x1b[2J\u202e.png") == r"cat/\x1b[2J\u202e.png"


@pytest.mark.parametrize("name", ["Crème brûlée", "犬", "می‌خواهم", "क्‍ष", "👩‍🔬", "a b", "C++ (2)"])
def test_names_in_all_languages_are_accepted(name):
    assert Names("x").take(f"{name}/{name}.png") == f"{name}/{name}.png"


@pytest.mark.parametrize("name", ["cat/caf\udce9.png", "caf\udce9/0.png", "cat/\ud800.png"])
def test_names_that_are_not_utf8_are_rejected(name):
    with pytest.raises(StudyError, match=r"\\(xe9|ud800).*not UTF-8.*Rename"):
        Names("x").take(name)


@pytest.mark.tried(
    "Names", "folders nested 3,000 deep, in an archive", "an error of one line; the name is cut"
)
def test_names_that_are_nested_too_deep_are_rejected():
    with pytest.raises(StudyError, match="in 3,000 folders; expected at most 40") as caught:
        Names("x").take("folder/" * 3000 + "0.png")
    assert len(str(caught.value)) < 500
    Names("x").take("folder/" * (MAX_DEPTH - 1) + "0.png")


@pytest.mark.parametrize("name", ["../0.png", "cat/../../0.png", "", ".", "/"])
def test_paths_that_lead_out_are_rejected(name):
    with pytest.raises(StudyError, match="leads out of the dataset"):
        Names("x").take(name)


def test_hidden_names():
    assert all(map(is_hidden, (".git/a", "a/.b", "a/__MACOSX/b", "Thumbs.db", "a/desktop.ini")))
    assert not any(map(is_hidden, ("a/b.png", "./a", "../a", "a/b.", "a.b/c")))
