"""What is said of pairs of runs."""

from __future__ import annotations

import pytest

from pipeline.analyses.pairwise.view import pairwise_grid
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import Wanted, made_up

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8), Wanted("mix", "hybrid", 0.9))


@pytest.fixture(scope="module")
def three():
    return made_up(RUNS)[0]


def with_tables(results, **tables):
    return StudyResults(Results({**results.tables, **tables}, results.metrics, results.study))


def test_where_no_difference_is_significant_the_rule_is_stated_and_nothing_else(three):
    table = three.tables["pairwise"].assign(holds=False)
    text = pairwise_grid(with_tables(three, pairwise=table)).sentence
    assert text.startswith("None of 3 differences is significant. A difference is significant")


def test_dependent_images_allow_no_test(three):
    study = with_tables(three)
    study.record["dataset"]["independent"] = False
    sentence = pairwise_grid(study).sentence
    study.record["dataset"]["independent"] = True
    assert "the significance of the 3 differences cannot be tested" in sentence
