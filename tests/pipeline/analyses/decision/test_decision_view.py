"""What the page says about which run to use."""

import copy

import pytest

from pipeline.analyses.decision.chart import draw
from pipeline.analyses.decision.view import view
from pipeline.page.study import StudyResults
from pipeline.page.summary import headline, summary
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import NORMAL, made_up, verdict_of


@pytest.fixture(scope="module")
def results():
    return made_up(NORMAL)[0]


def changed(results, **changes):
    study = copy.deepcopy(results.study)
    study["decision"] |= changes
    return StudyResults(Results(results.tables, results.metrics, study))


def test_a_cheaper_run_is_named_with_what_it_saves(results):
    study = changed(
        results, cheapest_by_predict_ms_per_image="lenet5", cheapest_by_train_seconds="lenet5"
    )
    best = study.record["decision"]["best"]
    assert view(study).cheapest == (
        f"Within 1 point of {best}, the best by validation accuracy, lenet5 is the cheapest run: "
        "0.123 instead of 2.35 ms per image, trained in 312 s instead of 94 s."
    )


def test_two_cheapest_runs_are_told_apart(results):
    study = changed(
        results, cheapest_by_predict_ms_per_image="lenet5", cheapest_by_train_seconds="hog_linear"
    )
    found = view(study).cheapest
    assert "lenet5 predicts fastest (0.123 instead of 2.35 ms per image)" in found
    assert "and hog_linear trains fastest (94 s instead of 94 s)." in found


def test_where_nothing_cheaper_is_near_that_is_said(results):
    best = results.study["decision"]["best"]
    study = changed(
        results, margin=0.005, cheapest_by_predict_ms_per_image=best, cheapest_by_train_seconds=best
    )
    assert view(study).cheapest == (
        f"No cheaper run is shown to be within 0.5 points of {best}, the best by validation "
        "accuracy."
    )


def test_it_is_part_of_the_verdict_and_of_the_headline(results):
    sentence = view(StudyResults(results)).cheapest
    assert sentence in verdict_of(results).brief
    for text in (headline(results), summary(StudyResults(results))):
        assert sentence in text.replace("\\", "")


def test_tiers_are_counted_and_the_first_is_named(results):
    table = results.tables["decision"]
    found = view(StudyResults(results)).tiers
    assert found.startswith(f"The {len(table)} runs form {int(table['tier'].max())} tiers.")
    for run in table[table["tier"] == 1]["run"]:
        assert run in found


def test_what_can_be_shown(results):
    study = changed(
        results, pair=["a", "b"], n=400, discordance=0.125, detectable=0.0213, images_for_half=1630
    )
    assert view(study).power == (
        "Of a and b, the two best by validation accuracy, exactly one is correct on 12.5% of 400 "
        "test images. At this rate, the test set detects a difference of 2.1 points or more with a "
        "probability of at least 80% (McNemar’s test at 5%); to detect half of that, 1,630 images "
        "are needed."
    )
    assert "too few to detect any difference" in view(changed(results, detectable=None)).power


def test_images_that_are_not_independent_have_neither_tiers_nor_a_choice(results):
    found = view(changed(results, independent_images=False))
    assert "not independent samples" in found.tiers
    assert found.brief == ()


def test_the_curves_are_drawn_with_their_sentences(results):
    (drawing,) = draw(view(StudyResults(results)))
    assert "<path" in drawing.svg
    assert all(run in drawing.alt for run in results.study["families_best"].values())


def test_one_run_has_only_its_curve():
    study = StudyResults(made_up(NORMAL[:1])[0])
    found = view(study)
    assert (found.tiers, found.cheapest, found.brief, found.power) == ("", "", (), "")
    assert "Classifying only when confident" in summary(study)


def test_older_results_have_no_section(results):
    tables = {name: table for name, table in results.tables.items() if name != "decision"}
    assert view(StudyResults(Results(tables, results.metrics, results.study))) is None
