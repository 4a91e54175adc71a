"""The images on which runs are most and least confident."""

from __future__ import annotations

import pytest

from pipeline.analyses.confidence.view import KINDS, view
from pipeline.page.study import StudyResults
from tests.pipeline.synthetic_study import NORMAL, made_up


@pytest.fixture(scope="module")
def results():
    return made_up(NORMAL)[0]


def test_images_of_each_familys_best(results):
    found = view(StudyResults(results)).runs
    assert {each.family: each.run for each in found} == results.study["families_best"]
    for run in found:
        assert [title for title, _ in run.kinds] == list(KINDS.values())
        right, wrong, _ = (images for _, images in run.kinds)
        assert all(image.correct for image in right)
        assert not any(image.correct for image in wrong)
        shares = [float(image.confidence.rstrip("%")) for image in right]
        assert shares == sorted(shares, reverse=True)


def test_kinds_without_an_image_are_left_out(results):
    certainty = results.tables["certainty"]
    results = made_up(NORMAL[:1])[0]
    results.tables["certainty"] = certainty[certainty["kind"] == "unsure"]
    assert {title for run in view(StudyResults(results)).runs for title, _ in run.kinds} == {
        "Least confident"
    }
