"""The verdict says what the numbers say, and no more."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest

from pipeline.page.study import StudyResults
from pipeline.page.summary import headline, summary
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import NOT_RUN, Wanted, made_up, network, verdict_of


def results_of(*wanted, **options):
    return made_up(wanted, **options)[0]


@pytest.fixture(scope="module")
def both():
    return results_of(Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8), not_run=NOT_RUN)


def with_comparison(results, **changes):
    study = copy.deepcopy(results.study)
    study["comparison"] |= changes
    return Results(results.tables, results.metrics, study)


def test_a_clear_winner_is_named_with_its_numbers(both):
    changed = with_comparison(
        both, difference=0.083, ci_low=0.074, ci_high=0.092, p_value=1e-8,
        deep_accuracy=0.801, classical_accuracy=0.718, n=10000,
    )  # fmt: skip
    assert verdict_of(changed).headline == (
        "On made_up, the best network, net, beats the best classical run, svm, by 8.3 percentage "
        "points (95% interval 7.4 to 9.2; exact McNemar p < 0.001): 80.1% against 71.8% of "
        "10,000 test images (10.0% of them in the most common class)."
    )


def test_choices_by_balanced_accuracy_are_said_with_their_reason(both):
    assert "balanced" not in str(verdict_of(both))
    study = copy.deepcopy(both.study)
    study["chosen_by"] = "balanced accuracy"
    study["majority"]["largest_to_smallest"] = 7.26
    found = verdict_of(Results(both.tables, both.metrics, study))
    assert (
        "The largest class has 7.3 times as many training images as the smallest, so runs are "
        "selected by balanced accuracy, the mean recall of the classes, instead of accuracy."
    ) in found.brief
    assert "is the best of its family by validation balanced accuracy" in " ".join(found.more)


def test_a_classical_winner_gets_positive_numbers(both):
    changed = with_comparison(both, difference=-0.05, ci_low=-0.08, ci_high=-0.02, p_value=0.002)
    headline = verdict_of(changed).headline
    assert "the best classical run, svm, beats the best network, net, by 5.0" in headline
    assert "95% interval 2.0 to 8.0; exact McNemar p = 0.002" in headline


def test_images_that_are_not_independent_samples_have_no_winner(both):
    changed = with_comparison(both, difference=0.3, ci_low=0.2, ci_high=0.4, p_value=1e-9)
    assert "beats" in verdict_of(changed).headline
    changed.study["comparison"]["independent_images"] = False
    headline = verdict_of(changed).headline
    assert "beats" not in headline
    assert "interval" not in headline
    assert "not independent samples; the comparison is illustrative only." in headline


@pytest.mark.parametrize(
    "changes",
    [
        {"difference": 0.01, "ci_low": -0.01, "ci_high": 0.03, "p_value": 0.4},
        # the two methods disagree at the border: nobody wins
        {"difference": 0.01, "ci_low": 0.0004, "ci_high": 0.0196, "p_value": 0.052},
        {"difference": 0.01, "ci_low": -0.0004, "ci_high": 0.0196, "p_value": 0.048},
    ],
)
def test_an_undecided_study_has_no_winner(both, changes):
    headline = verdict_of(with_comparison(both, **changes)).headline
    assert "the difference between the two families is not significant" in headline
    assert "beats" not in headline
    assert "are 1.0 percentage points apart" in headline


def test_undecided_with_the_classical_run_ahead(both):
    changes = {"difference": -0.01, "ci_low": -0.03, "ci_high": 0.01, "p_value": 0.4}
    headline = verdict_of(with_comparison(both, **changes)).headline
    assert headline.index("svm") < headline.index("net,")
    assert "95% interval \u22121.0 to 3.0" in headline


def test_cost_and_choice_are_told(both):
    details = " ".join(verdict_of(both).details)
    assert "net took 312 s to train and 0.123 ms per image" in details
    assert "svm took 94 s and 2.35 ms, on Some Processor" in details
    assert "by validation accuracy (1 classical run, 1 network)" in details
    assert "Not run: resnet20." in details


def test_several_seeds_are_told():
    found = verdict_of(
        results_of(Wanted("svm", "classical", 0.5), Wanted("n", "deep", 0.8, (3, 4)))
    )
    assert "the paired test uses one seed of each (3 and 0)" in " ".join(found.details)


def test_a_missing_family_is_told():
    alone = verdict_of(results_of(Wanted("svm", "classical", 0.5)))
    assert alone.headline.startswith("This study has no network, so it cannot compare")
    assert "svm, classifies" in alone.headline
    assert alone.details == ()
    hybrid = verdict_of(results_of(Wanted("mix", "hybrid", 0.5)))
    assert "no classical run and no network" in hybrid.headline


def test_a_readme_says_how_long_all_stages_took(both):
    tables = dict(both.tables)
    tables["cost"] = tables["cost"].assign(stage_seconds=[3000.0, 1200.0])
    text = headline(Results(tables, both.metrics, both.study))
    assert "Training these 2 runs took 70 min in all, not counting feature extraction." in text


@pytest.fixture(scope="module")
def three():
    return results_of(
        Wanted("svm", "classical", 0.4), Wanted("net", "deep", 0.6), Wanted("mix", "hybrid", 0.9)
    )


def about_hybrid(results, independent=True, **differences):
    """The sentences on the hybrid, with (difference, low, high, p) against families replaced."""
    study = copy.deepcopy(results.study)
    for family, (difference, low, high, p) in differences.items():
        study["comparisons"][f"hybrid_{family}"] |= {
            "difference": difference, "ci_low": low, "ci_high": high, "p_value": p,
            "independent_images": independent,
        }  # fmt: skip
    found = verdict_of(Results(results.tables, results.metrics, study))
    assert "mix" not in found.headline
    (text,) = [sentence for sentence in found.details if "The best hybrid" in sentence]
    return text


def test_a_hybrid_above_both(three):
    text = about_hybrid(three, deep=(0.1, 0.08, 0.12, 1e-5), classical=(0.3, 0.28, 0.32, 1e-9))
    assert (
        "It is 10.0 points above the best network, net (95% interval of the difference 8.0 to "
        "12.0; p < 0.001) and 30.0 points above the best classical run, svm (95%" in text
    )
    assert "between" not in text


def test_a_hybrid_between_the_two(three):
    text = about_hybrid(three, deep=(-0.05, -0.08, -0.02, 0.001), classical=(0.3, 0.2, 0.4, 0.001))
    assert "between the two: 5.0 points below the best network, net (95% interval of the " in text
    assert "difference 2.0 to 8.0; p = 0.001)" in text
    assert "most common class" not in text
    assert "and 30.0 points above the best classical run, svm" in text


def test_a_hybrid_whose_difference_from_the_network_is_not_significant(three):
    text = about_hybrid(three, deep=(0.01, -0.01, 0.03, 0.3), classical=(0.3, 0.2, 0.4, 0.001))
    assert "It is 30.0 points above the best classical run" in text
    assert "Its difference from the best network, net (95% interval" in text


def test_a_hybrid_on_images_that_are_not_independent_samples(three):
    same = (0.1, 0.08, 0.12, 1e-5)
    text = about_hybrid(three, independent=False, deep=same, classical=same)
    assert "10.0 points above the best network, net and" in text
    assert "p < 0.001" not in text


def test_a_hybrid_without_the_other_families():
    found = verdict_of(results_of(Wanted("mix", "hybrid", 0.5), Wanted("net", "deep", 0.9)))
    assert any("points below the best network, net" in sentence for sentence in found.details)


RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8), Wanted("mix", "hybrid", 0.9))


@pytest.fixture(scope="module")
def all_families():
    return made_up(RUNS)[0]


def dependent(results):
    study = copy.deepcopy(results.study)
    study["dataset"]["independent"] = False
    for each in (study["comparison"], *study["comparisons"].values()):
        each |= {"independent_images": False, "difference": 0.0}
    return Results(results.tables, results.metrics, study)


def test_intervals_are_explained_by_other_test_images_where_these_are_independent(all_families):
    for write in (lambda results: summary(StudyResults(results)), headline):
        reflect = re.compile(r"Intervals (\(Wilson\) )?reflect test-set sampling")
        assert reflect.search(write(all_families))
        assert not reflect.search(write(dependent(all_families)))
        assert "independent" in write(dependent(all_families))


def test_equal_runs_on_dependent_images_are_said_to_be_equal(all_families):
    found = verdict_of(dependent(all_families))
    assert "classifies as many test images correctly as" in found.headline
    (text,) = [each for each in found.details if "hybrid" in each]
    assert "It is level with the best network, net and level with the best class" in text
    assert "points below" not in text
    assert "interval" not in text


def test_runs_that_all_build_on_other_images_have_no_rest():
    wanted = [network(f"t{i}", 0.6, "transfer", pretrained="imagenet") for i in range(2)]
    text = " ".join(verdict_of(made_up(wanted)[0]).details)
    assert "have seen more data than this study contains." in text
    assert "the other runs" not in text


def test_further_sentences_are_announced_as_what_they_are():
    weak = replace(RUNS[2], skill=0.3)
    assert verdict_of(made_up((RUNS[0], RUNS[1], weak))[0]).more_title == (
        "How the two were chosen, how hybrids compare"
    )
    assert verdict_of(made_up((RUNS[0], weak))[0]).more_title == "How hybrids compare"
    assert verdict_of(made_up(RUNS[:1])[0]).more_title == ""


def test_a_hybrid_that_is_the_best_of_all_is_said_at_once():
    found = verdict_of(made_up((RUNS[0], RUNS[1], replace(RUNS[2], skill=0.99)))[0])
    assert found.brief[0].startswith("The best hybrid")
    assert "hybrids" not in found.more_title
