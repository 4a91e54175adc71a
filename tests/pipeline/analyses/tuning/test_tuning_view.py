"""The searches for options, as the page tells them."""

from __future__ import annotations

import pytest

from pipeline.analyses.setup.runs import run_facts
from pipeline.analyses.tuning.view import SHOWN, range_text, view
from pipeline.page.study import StudyResults
from tests.pipeline.synthetic_study import NORMAL, Wanted, made_up


@pytest.fixture(scope="module")
def results():
    return made_up(NORMAL)[0]


def test_a_search_in_words(results):
    (found,) = view(StudyResults(results)).runs
    assert (found.run, found.family) == ("hog_color_rbf", "classical")
    assert found.search == "8 trials (2 stopped early) on 400 training images, in 13 min"
    assert found.chosen == "C = 2.5, gamma = 0.25"
    assert found.best == "accuracy 70.0%"
    assert found.ranges == (("C", "0.1 to 100 (log scale)"), ("gamma", "one of 0.05, 0.25"))


def test_best_trials_first_and_none_that_was_stopped(results):
    (found,) = view(StudyResults(results)).runs
    assert found.names == ("C", "gamma")
    # 2 and 6 are equal; 3 and 7 were stopped, though 7 looks best
    assert [trial.number for trial in found.trials] == ["5", "2", "6", "4", "0"]
    assert len(found.trials) == SHOWN
    assert found.trials[0].options == ("2.5", "0.25")
    assert found.trials[0].accuracy == "70.0%"


def test_nothing_tuned_nothing_told():
    assert view(StudyResults(made_up(NORMAL[:1])[0])) is None


def test_the_search_is_not_repeated_among_the_notes(results):
    facts = {each.run: each for each in run_facts(StudyResults(results))}["hog_color_rbf"]
    assert not {"tuning", "tune"} & {key for key, _ in (*facts.notes, *facts.options)}


def test_trials_need_not_share_their_options():
    results = made_up((Wanted("svm", "classical", 0.5, tuned=True),))[0]
    table = results.tables["tuning"]
    table.loc[5, "options"] = '{"degree": 3}'
    (found,) = view(StudyResults(results)).runs
    assert found.names == ("C", "gamma", "degree")
    assert found.trials[0].options == ("–", "–", "3")


def test_ranges():
    assert range_text({"low": 1, "high": 5}) == "1 to 5"
    assert range_text({"low": 1e-5, "high": 0.5, "log": True}) == "1e-05 to 0.5 (log scale)"
    assert range_text({"choices": ["scale", None]}) == "one of scale, none"


def test_a_network_tells_of_its_epochs_and_of_what_was_given_up():
    results = made_up((Wanted("net", "deep", 0.5, tuned=True),))[0]
    table, (card,) = results.tables["tuning"], results.study["cards"]["net"].values()
    table["epochs"] = [8, 1, 8, 2, 8, 8, 8, 0]
    table.loc[7, ["state", "validation_accuracy"]] = ["diverged", float("nan")]
    card["notes"]["tuning"] |= {"epochs": 8, "pruned": 1, "diverged": 1}
    (found,) = view(StudyResults(results)).runs
    assert found.search == (
        "8 trials (1 stopped early, 1 diverged) on 400 training images for up to 8 epochs, "
        "in 13 min"
    )
    assert found.has_epochs
    assert {trial.number: trial.epochs for trial in found.trials}["5"] == "8"


def test_results_of_an_earlier_version_have_no_epochs():
    results = made_up((Wanted("svm", "classical", 0.5, tuned=True),))[0]
    results.tables["tuning"]["epochs"] = float("nan")
    (found,) = view(StudyResults(results)).runs
    assert not found.has_epochs
