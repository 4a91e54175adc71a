"""The page and the summary say what was left out of the images, and what became of the others."""

from __future__ import annotations

import html
import re

import pytest

from pipeline.analyses.setup.view import view
from pipeline.page.environment import html_environment
from pipeline.page.sections import sections
from pipeline.page.study import StudyResults
from pipeline.page.summary import summary
from tests.pipeline.synthetic_study import made_up

LEFT_OUT = (
    {"what": "text files", "count": 7, "names": ["a<b>.txt", "b.txt"]},
    {"what": "class with fewer than 3 images", "count": 1, "names": ["rare"]},
)
ENLARGED = "lenet5 sees images of 64 pixels that are enlarged from the stored 32."
NOTE = "4 images of 16-bit gray with values from 0 to 4,095: 0 became black and 4,095 white"
SAYS = (
    "7 text files (a<b>.txt, b.txt, ...), 1 class with fewer than 3 images (rare)",
    "shorter sides of 48 to 640 pixels (median 480), resized to 32",
    NOTE,
    ENLARGED,
)


@pytest.fixture(scope="module")
def results():
    return made_up()[0]


def told(results) -> dict[str, str]:
    """The section of the page, and the summary, as plain text."""
    study = StudyResults(results)
    template = html_environment(sections(study).templates).get_template("setup/section.html")
    page = template.render(study=study, view=view(study))
    page = html.unescape(re.sub(r"<wbr>", "", page))
    return {"page": page, "summary": summary(study).replace("&lt;", "<").replace("\\", "")}


def test_what_was_left_out_and_changed_is_said(results):
    study = results.study
    before = {**study["dataset"]}
    study["dataset"] |= {
        "left_out": LEFT_OUT,
        "original_sides": {"smallest": 48, "median": 480, "largest": 640},
        "notes": [NOTE],
    }
    study["enlarged"] = [ENLARGED]
    texts = told(results)
    study["dataset"], study["enlarged"] = before, []
    for where, text in texts.items():
        for sentence in SAYS:
            assert sentence in text, where


def test_a_study_with_nothing_to_say_says_nothing(results):
    for lacking in ({}, {"original_sides": {"smallest": 32, "median": 32, "largest": 32}}):
        results.study["dataset"] |= lacking
        for text in told(results).values():
            assert "Left out" not in text
            assert "Originals" not in text
            assert "<dt>Note<" not in text
            assert "* Note:" not in text
    for key in ("left_out", "original_sides", "notes"):  # as a card of an earlier version
        results.study["dataset"].pop(key)
    results.study.pop("enlarged")
    assert "Left out" not in told(results)["page"]
