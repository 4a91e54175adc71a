"""Made-up studies and their pages, written once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.page.page import page
from pipeline.page.study import StudyResults
from pipeline.page.summary import summary
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import CASES, made_up, save_samples, written


@pytest.fixture(scope="session")
def normal(tmp_path_factory) -> tuple[Path, Results]:
    """A whole report: its folder, and the results."""
    folder = tmp_path_factory.mktemp("normal")
    return folder, written(folder, **CASES["normal"])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> tuple[Path, Results]:
    """The report of one run on two classes, without drawn features."""
    folder = tmp_path_factory.mktemp("tiny")
    return folder, written(folder, drawn=False, **CASES["tiny"])


@pytest.fixture(scope="session")
def strange(tmp_path_factory) -> tuple[Results, str]:
    """Results with names full of markup, and their page."""
    return _page(tmp_path_factory.mktemp("strange"), "strange")


@pytest.fixture(scope="session")
def roster(tmp_path_factory) -> tuple[Results, str, str]:
    """Two dozen runs, their page and their summary."""
    results, text = _page(tmp_path_factory.mktemp("roster"), "roster")
    return results, text, summary(StudyResults(results))


def _page(folder: Path, case: str) -> tuple[Results, str]:
    results, images, ids = made_up(**CASES[case])
    save_samples(results, images, ids, folder)
    return results, page(StudyResults(results, folder=folder))
