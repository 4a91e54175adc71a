"""The page on comparing studies shows what its script prints."""

from __future__ import annotations

import re
import shlex

import pytest

from pipeline.config.params import load_params


@pytest.fixture(scope="module")
def script(root):
    return (root / "docs" / "comparing-studies.sh").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "comparing-studies.md").read_text(encoding="utf-8")


def heredoc(text):
    return re.search(r"<<'PARAMS'\n(.*?)^PARAMS$", text, re.DOTALL | re.MULTILINE).group(1)


def test_the_study_that_is_compared_is_right(script, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(heredoc(script), encoding="utf-8")
    assert [run.name for run in load_params(path).roster] == ["raw_svm", "hog_svm", "mlp"]


def test_the_page_shows_the_same_study_and_commands(script, page):
    assert heredoc(script) in page
    told = [
        shlex.split(line) for line in re.findall(r"^\$ ((?:dvc|git|cat) .*)$", page, re.MULTILINE)
    ]
    said = [
        shlex.split(line) for line in re.findall(r"^(?:say )?((?:dvc|git|cat) .*)$", script, re.M)
    ]
    assert len(told) > 12
    assert [command for command in told if command not in said] == []


def test_no_path_of_a_machine_is_told(page):
    assert not re.search(r"file:/|/(tmp|home|root|work)/", page)
