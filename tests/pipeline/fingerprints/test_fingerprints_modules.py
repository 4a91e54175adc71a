"""Which modules are found behind a module, and which of their edits are seen."""

from __future__ import annotations

import pytest

from pipeline.checks import StudyError
from pipeline.fingerprints.modules import Code, method_module

FILES = {
    "__init__.py": "",
    "first.py": "from toy import second\n\ndef later():\n    from toy.inner import third\n",
    "second.py": "import json\nfrom toy.told import tell\n",
    "told.py": "from toy import told_only\nAFFECTS_OUTPUTS = False\n",
    "told_only.py": "name = 1\n",
    "inner/__init__.py": "",
    "inner/third.py": "from toy.fourth import name\nimport toy.reader\n",
    "fourth.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from toy import stranger\n"
        "name = 1\n"
    ),
    "reader.py": 'FILES_READ = ("pages/*",)\nCOMPUTED_IMPORTS = ("toy.asked.*.table",)\n',
    "pages/one.html": "<p>",
    "stranger.py": "name = 2\n",
    "asked/cost/table.py": "name = 3\n",
    "asked/cost/view.py": "name = 4\n",
}
FOUND = [
    *("toy", "toy.asked.cost.table", "toy.first", "toy.fourth", "toy.inner", "toy.inner.third"),
    *("toy.reader", "toy.second", "toy/pages/one.html"),
]


@pytest.fixture
def toy(tmp_path):
    """A package with a module behind each kind of import."""
    for name, text in FILES.items():
        path = tmp_path / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "toy"


def fingerprint(toy, used=None):
    code = Code(used or {}, root=toy.parent, packages=("toy",))
    return code.fingerprint(["toy.first"])


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_all_that_is_imported_is_found_and_nothing_else(toy):
    assert list(fingerprint(toy)) == FOUND


@pytest.mark.parametrize("name", FOUND)
def test_an_edit_is_seen_in_the_module_that_is_edited(toy, name):
    before = fingerprint(toy)
    path = toy.parent / (name if "." in name.rpartition("/")[2] and "/" in name else "")
    if path == toy.parent:
        path = toy.parent.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    append(path, "added = 1\n")
    after = fingerprint(toy)
    assert [each for each in FOUND if before[each] != after[each]] == [name]


@pytest.mark.parametrize("name", ["stranger", "asked/cost/view", "told", "told_only"])
def test_what_is_never_imported_or_affects_no_output_does_not_count(toy, name):
    before = fingerprint(toy)
    append(toy / f"{name}.py", "added = 1\n")
    assert fingerprint(toy) == before


def test_a_comment_does_not_count(toy):
    before = fingerprint(toy)
    for path in toy.rglob("*.py"):
        append(path, '# a remark\n"""A docstring."""\n')
    assert fingerprint(toy) == before


def test_a_file_that_is_added_is_seen(toy):
    (toy / "pages" / "two.html").touch()
    assert set(fingerprint(toy)) - set(FOUND) == {"toy/pages/two.html"}


def test_texts_of_errors_count_behind_a_module_that_keeps_them(toy):
    append(toy / "fourth.py", "raise ValueError('found nothing')\n")
    append(toy / "second.py", "raise ValueError('found nothing')\n")
    append(toy / "inner/third.py", "KEEPS_ERROR_TEXTS = True\n")
    before = fingerprint(toy)
    for name in ("fourth", "second"):
        text = (toy / f"{name}.py").read_text(encoding="utf-8")
        (toy / f"{name}.py").write_text(text.replace("found", "there is"), encoding="utf-8")
    after = fingerprint(toy)
    assert [each for each in FOUND if before[each] != after[each]] == ["toy.fourth"]


def test_methods_are_found_by_the_names_in_use():
    code = Code({"features": ["hog", "pretrained"]})
    hog, vgg16 = (method_module("features", name) for name in code.used["features"])
    found = {each for pattern in ("{features}", "{features}_drawing", "{deep}")
             for each in code._matching(pattern)}  # fmt: skip
    assert found == {hog, f"{hog}_drawing", vgg16}


def test_what_is_no_python_is_told_with_its_line(toy):
    append(toy / "second.py", "def (\n")
    with pytest.raises(StudyError, match=r"second\.py, line 3: found invalid syntax"):
        fingerprint(toy)
