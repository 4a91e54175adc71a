"""A section of the page is a folder and a line in the order list."""

from __future__ import annotations

import sys

import pytest

from pipeline.page.page import page
from pipeline.page.sections import sections
from pipeline.page.study import StudyResults
from pipeline.page.summary import summary
from tests.pipeline.page.parsed_page import Page
from tests.pipeline.synthetic_study import Wanted, made_up

VIEW = """
from dataclasses import dataclass
from pipeline.page.view import View

TITLE = "How many runs"
ABSENT = "name a second run"

@dataclass(frozen=True)
class Runs(View):
    n: int

    @property
    def cautions(self):
        return ("Only a few runs.",)

    @property
    def absent(self):
        return {"A third run": "name one more"}

def view(study):
    return Runs(len(study.runs)) if len(study.runs) > 1 else None
"""
CHART = """
import altair as alt
from pipeline.page.rendering import Drawing
from pipeline.page.theme import records, themed

def draw(view):
    bar = alt.Chart(records([{"n": view.n}])).mark_bar().encode(x="n:Q")
    return [Drawing("n_runs", themed(bar), f"A bar of length {view.n}.")]
"""
SECTION = """{% from "macros.html" import drawing %}
<p class="n-runs">There are {{ view.n }} runs.</p>
{{ drawing(charts.main[0]) }}
"""
FILES = {
    "__init__.py": "",
    "view.py": VIEW,
    "chart.py": CHART,
    "section.html": SECTION,
    "style.css": ".n-runs { font-weight: {{ view.n }}00; }",
    "script.js": "console.log('runs');",
    "summary.md": "## {{ title }}\n\n{{ view.n }} runs\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of questions with one of them, listed in its order."""
    for name, text in FILES.items():
        path = tmp_path / "asked" / "n_runs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "asked" / "__init__.py").write_text("")
    (tmp_path / "asked" / "order.py").write_text('ORDER = ("n_runs",)\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield "asked"
    for name in [name for name in sys.modules if name.partition(".")[0] == "asked"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def two():
    return made_up((Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8)))[0]


def test_a_folder_and_a_line_make_a_section(package, two, tmp_path):
    study = StudyResults(two, folder=tmp_path)
    found = sections(study, package)
    text = page(study, found)
    parsed = Page(text)
    assert next(a["id"] for tag, a in parsed.tags if tag == "h2") == "n-runs"
    assert ("a", {"href": "#n-runs"}) in parsed.tags
    assert "There are 2 runs." in parsed.text
    assert any(a.get("aria-label") == "A bar of length 2." for _, a in parsed.tags)
    assert ".n-runs { font-weight: 200; }" in text
    assert any(body == FILES["script.js"] for _, body in parsed.scripts)
    assert "Only a few runs." in parsed.text
    assert "A third runname one more" in parsed.text.replace("\n", "")
    assert "## How many runs\n\n2 runs\n" in summary(study, found)


def test_without_data_the_section_is_named_with_the_edit(package, tmp_path):
    study = StudyResults(made_up((Wanted("svm", "classical", 0.5),))[0], folder=tmp_path)
    found = sections(study, package)
    assert found.present == ()
    assert found.absent == {"How many runs": "name a second run"}
    assert "How many runsname a second run" in Page(page(study, found)).text.replace("\n", "")


def test_every_folder_is_in_the_order_once(root):
    from pipeline.analyses.order import ORDER

    folders = [each.parent.name for each in (root / "pipeline/analyses").glob("*/view.py")]
    assert sorted(ORDER) == sorted(folders)
    for name in ORDER:
        assert (root / "pipeline/analyses" / name / "section.html").exists()
