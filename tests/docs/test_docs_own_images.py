"""The page on own images shows what its script prints, and git's patterns let DVC find them."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest
import yaml
from scmrepo.git import Git

from pipeline.config.params import load_params


@pytest.fixture(scope="module")
def script(root):
    return (root / "docs" / "own-images.sh").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "own-images.md").read_text(encoding="utf-8")


def heredoc(text, name):
    found = re.search(rf"<<'{name}'\n(.*?)^{name}$", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


def test_the_study_is_right(script, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(heredoc(script, "PARAMS"), encoding="utf-8")
    assert [run.name for run in load_params(path).roster] == ["color_svm", "raw_svm"]
    assert yaml.safe_load(heredoc(script, "OVERLAY"))


def test_the_page_shows_the_same_study_and_commands(script, page):
    assert heredoc(script, "PARAMS") in page
    word = r"((?:dvc|git|cd|python -m) .*)$"
    told = [shlex.split(line) for line in re.findall(rf"^\$ {word}", page, re.MULTILINE)]
    said = [shlex.split(line) for line in re.findall(rf"^(?:say )?{word}", script, re.MULTILINE)]
    assert len(told) > 12
    assert [command for command in told if command not in said] == []


def test_no_path_of_a_machine_is_told(page):
    assert not re.search(r"file:/|/(tmp|home|root|work)/", page)


def test_dvc_finds_what_it_writes_beside_own_images(root, tmp_path):
    """`dvc add` refuses a .dvc file that git ignores, and none is looked for in ignored folders.

    DVC asks with a slash behind a folder, which its reader of patterns lets ``data/*`` match.
    """
    shutil.copyfile(root / ".gitignore", tmp_path / ".gitignore")
    (tmp_path / "data/incoming/mine").mkdir(parents=True)
    Git.init(str(tmp_path)).close()
    git = Git(str(tmp_path))
    asked = ("data/", "data/incoming/", "data/incoming/mine.dvc", "data/incoming/a.zip.dvc")
    assert [name for name in asked if git.is_ignored(f"{tmp_path}/{name}")] == []
    ignored = ("data/incoming/mine/", "data/incoming/a.zip", "data/prepared/", "data/source.json")
    assert [name for name in ignored if not git.is_ignored(f"{tmp_path}/{name}")] == []
    git.close()
