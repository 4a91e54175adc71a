"""What is said of classes."""

from __future__ import annotations

import pytest

from pipeline.analyses.confusion.classes import class_scores
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import Wanted, made_up

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8), Wanted("mix", "hybrid", 0.9))


@pytest.fixture(scope="module")
def three():
    return made_up(RUNS)[0]


def with_tables(results, **tables):
    return StudyResults(Results({**results.tables, **tables}, results.metrics, results.study))


def test_classes_of_one_score_have_no_hardest(three):
    table = three.tables["per_class"].assign(f1=0.5)
    alt = class_scores(with_tables(three, per_class=table)).alt
    assert "hardest" not in alt
    assert "svm: 50.0% in every class" in alt
