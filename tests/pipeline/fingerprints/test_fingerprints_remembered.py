"""Fingerprints that are not computed again, and those that are."""

from __future__ import annotations

import os

import pytest

from pipeline.fingerprints import modules
from pipeline.fingerprints.modules import Code
from pipeline.fingerprints.remembered import MOST_STATES, RememberedCode
from pipeline.user_cache import user_cache


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A package of two modules, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "code" / "package").mkdir(parents=True)
    write(tmp_path / "code", "import package.other\nx = 1\n")
    (tmp_path / "code" / "package" / "__init__.py").touch()
    (tmp_path / "code" / "package" / "other.py").write_text("y = 2\n")
    return tmp_path / "code"


def write(root, text):
    (root / "package" / "module.py").write_text(text)


def of(root, kind=RememberedCode, **used):
    return kind(used, root, ("package",)).fingerprint(["package.module"])


def test_the_same_files_are_parsed_once(root, monkeypatch):
    first = of(root)
    assert first == of(root, Code)
    assert set(first) == {"package", "package.module", "package.other"}

    def fails(*_):
        raise AssertionError("parsed again")

    monkeypatch.setattr(modules, "_module", fails)
    assert of(root) == first
    with pytest.raises(AssertionError, match="parsed again"):
        of(root, deep=["lenet5"])  # other methods may have other imports


def test_whatever_is_edited_counts(root):
    first = of(root)
    write(root, "import package.other\nx = 3\n")
    assert of(root) == of(root, Code) != first
    write(root, "x = 3\n")
    assert set(of(root)) == {"package", "package.module"}


def test_what_is_damaged_or_cannot_be_kept_is_computed(root, monkeypatch):
    first = of(root)
    (kept,) = (user_cache() / "code").glob("*/*.json")
    for text in ("", "[]", "{", "null"):
        kept.write_text(text)
        assert of(root) == first
    (root / "package" / "link.py").symlink_to("nowhere")
    assert of(root) == first
    (root / "package" / "link.py").unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "package" / "other.py"))
    assert of(root) == first


def test_old_states_of_the_code_are_removed(root):
    for number in range(MOST_STATES + 3):
        write(root, f"x = {number}\n")
        of(root)
        for state in (user_cache() / "code").iterdir():
            if state.stat().st_mtime > MOST_STATES + 3:  # it is new
                os.utime(state, (number, number))
    found = list((user_cache() / "code").iterdir())
    assert len(found) == MOST_STATES
    assert max(state.stat().st_mtime for state in found) == MOST_STATES + 2
