"""The section on two classes is there for two classes alone."""

import pytest

from pipeline.analyses.two_classes.chart import draw
from pipeline.analyses.two_classes.view import view
from pipeline.page.study import StudyResults
from pipeline.page.summary import summary
from tests.pipeline.synthetic_study import Wanted, made_up

RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.7))


@pytest.fixture(scope="module")
def study():
    return StudyResults(made_up(RUNS, ("cat", "dog"))[0])


def test_the_sentence_has_the_best_area(study):
    best = study.tables["two_classes"].set_index("run").loc["net"]
    found = view(study).sentence
    assert "The positive class is dog: 200 of 400 test images." in found
    assert f"net has the largest area under the ROC curve, {best['auc']:.3f} (95% interval" in found
    assert found in summary(study).replace("\\", "")


def test_each_rule_has_a_table_of_all_runs(study):
    rules = view(study).rules
    assert [rule.title for rule in rules] == [
        "Lowest-cost thresholds if a miss costs as much as a false alarm",
        "Lowest-cost thresholds if a miss costs as much as 10 false alarms",
        "Thresholds with a recall of at least 95.0% on the validation images",
    ]
    assert all({row.run for row in rule.runs_table.rows} == {"svm", "net"} for rule in rules)
    assert "cost" not in rules[-1].runs_table.headings


def test_both_curves_are_drawn(study):
    drawings = draw(view(study))
    assert [each.name for each in drawings] == ["two_classes_roc", "two_classes_precision_recall"]
    assert all("net" in each.alt and "<path" in each.svg for each in drawings)


def test_more_classes_and_older_results_have_no_section(study):
    assert view(StudyResults(made_up(RUNS, ("cat", "dog", "fox"))[0])) is None
    older = StudyResults(made_up(RUNS, ("cat", "dog"))[0])
    del older.tables["two_classes"]
    assert view(older) is None
