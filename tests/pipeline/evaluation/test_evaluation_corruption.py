"""Runs on corrupted images: counted by hand, and against another bootstrap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap
from scored_runs import made_up_answers, made_up_run
from statsmodels.stats.proportion import proportion_confint

from pipeline.checks import StudyError
from pipeline.evaluation.corrupted_runs import CorruptedRecord, CorruptedRun, score_corrupted
from pipeline.evaluation.corruption import (
    corruption_summary,
    corruption_table,
    drops_compared,
    robustness,
)
from pipeline.results import CORRUPTION_COLUMNS
from pipeline.storage.measurements import CorruptedCard, CorruptedScores

NAMES, LEVELS = ("fog", "contrast"), (1, 3, 5)
REMEDY = "dvc repro corrupt@svm"


@pytest.fixture
def answers(rng):
    return made_up_answers(rng)


@pytest.fixture
def run(answers, rng):
    return made_up_run("svm", answers, 0.8, rng)


def record(answers, rng, name="svm", n=40, skill=0.5, **changes) -> CorruptedRecord:
    """Scores of the first `n` images in a random order, right for a share `skill` of them."""
    positions = rng.permutation(len(answers.ids["test"]))[:n]
    labels = answers.labels["test"][positions]

    def made(share):
        scores = rng.normal(size=(n, len(answers.class_names))).astype(np.float32)
        right = rng.random(n) < share
        scores[right, labels[right]] += 20
        return scores

    clean = made(0.9)
    corrupted = {each: np.stack([made(skill) for _ in LEVELS]) for each in NAMES}
    card = CorruptedCard(name, 0, 5, NAMES, LEVELS, {"frost": "no photographs"})
    scores = CorruptedScores(card, answers.ids["test"][positions], clean, corrupted)
    given = {"scores": scores, "remedy": REMEDY, "limit": n}
    return CorruptedRecord(**given | {"corruptions": NAMES, "severities": LEVELS} | changes)


def measured(name="svm", family="classical", n=200, clean=0.9, skill=0.5, seed=0, first=0):
    rng = np.random.default_rng(seed)
    return CorruptedRun(
        name=name,
        family=family,
        seed=0,
        corruptions=NAMES,
        severities=LEVELS,
        missing={"frost": "no photographs"},
        ids=np.arange(first, first + n),
        clean=rng.random(n) < clean,
        right=rng.random((2, 3, n)) < skill,
    )


# --- from scores to right and wrong ---------------------------------------------------------------


def test_each_image_is_held_against_its_own_label(answers, run, rng):
    given = record(answers, rng)
    (found,) = score_corrupted([given], [run], answers, 5)
    assert (found.name, found.family, found.seed) == ("svm", "classical", 0)
    assert (np.diff(found.ids) > 0).all()
    label = dict(zip(answers.ids["test"], answers.labels["test"], strict=True))
    for row, id_ in enumerate(given.scores.ids):
        column = list(found.ids).index(id_)
        assert found.clean[column] == (given.scores.clean[row].argmax() == label[id_])
        for each, name in enumerate(NAMES):
            for level in range(3):
                right = given.scores.corrupted[name][level, row].argmax() == label[id_]
                assert found.right[each, level, column] == right


def test_runs_come_in_the_order_of_the_study(answers, rng):
    runs = [made_up_run(name, answers, 0.7, rng) for name in ("a", "b", "c")]
    records = [record(answers, rng, "c"), record(answers, rng, "a")]
    assert [run.name for run in score_corrupted(records, runs, answers, 5)] == ["a", "c"]
    assert score_corrupted([], runs, answers, 5) == []


def spoiled(given: CorruptedRecord, **changes) -> CorruptedRecord:
    return replace(given, scores=replace(given.scores, **changes))


def with_card(given: CorruptedRecord, **changes) -> CorruptedRecord:
    return spoiled(given, card=replace(given.scores.card, **changes))


def poisoned(values, place):
    values = values.copy()
    values[place] = np.nan
    return values


DAMAGES = {
    "another set of severities": (
        lambda g: replace(g, severities=(1, 2, 3, 4, 5)),
        "severities: found 1, 3, 5; expected 1, 2, 3, 4, 5",
    ),
    "other corruptions": (
        lambda g: replace(g, corruptions=("fog",)),
        "corruptions: found fog, contrast; expected fog",
    ),
    "fewer images": (lambda g: replace(g, limit=41), "images: found 40; expected 41"),
    "more images": (lambda g: replace(g, limit=39), "images: found 40; expected 39"),
    "another seed of the study": (lambda g: with_card(g, study_seed=6), "found 6; expected 5"),
    "a seed that the run has not": (lambda g: with_card(g, seed=4), "found 4; expected 0"),
    "other images": (
        lambda g: spoiled(g, ids=g.scores.ids + 5000),
        "images that the test split does not hold, or one twice",
    ),
    "an image twice": (lambda g: spoiled(g, ids=np.repeat(g.scores.ids[:20], 2)), "or one twice"),
    "clean scores of fewer images": (
        lambda g: spoiled(g, clean=g.scores.clean[:-1]),
        r"clean: found scores of shape \(1, 39, 4\); expected \(1, 40, 4\)",
    ),
    "scores of fewer classes": (
        lambda g: spoiled(g, corrupted={n: v[..., :3] for n, v in g.scores.corrupted.items()}),
        r"by fog: found scores of shape \(3, 40, 3\); expected \(3, 40, 4\)",
    ),
    "a clean score that is not finite": (
        lambda g: spoiled(g, clean=poisoned(g.scores.clean, (7, 2))),
        "clean: found nan in row 7, column 2",
    ),
    "a corrupted score that is not finite": (
        lambda g: spoiled(
            g,
            corrupted={
                **g.scores.corrupted,
                "contrast": poisoned(g.scores.corrupted["contrast"], (1, 9, 0)),
            },
        ),
        "by contrast: found nan in row 9, column 0",
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_what_cannot_be_held_against_the_labels(answers, run, rng, what):
    damage, message = DAMAGES[what]
    with pytest.raises(StudyError, match=message) as caught:
        score_corrupted([damage(record(answers, rng))], [run], answers, 5)
    assert "run 'svm'" in str(caught.value)
    assert f"Repair it with: {REMEDY}" in str(caught.value)


def test_a_limit_above_the_test_split_is_all_of_it(answers, run, rng):
    n = len(answers.ids["test"])
    given = replace(record(answers, rng, n=n), limit=n + 700)
    (found,) = score_corrupted([given], [run], answers, 5)
    assert len(found.ids) == n


def test_scores_of_a_run_that_is_not_in_the_study(answers, run, rng):
    with pytest.raises(StudyError, match="'other', which is no run"):
        score_corrupted([record(answers, rng, "other")], [run], answers, 5)


# --- results --------------------------------------------------------------------------------------


def test_table_of_accuracies_with_wilson_intervals():
    run = measured(n=50)
    table = corruption_table([run])
    assert tuple(table) == CORRUPTION_COLUMNS
    assert table[["corruption", "severity"]].values.tolist() == [
        ["none", 0], *([name, level] for name in NAMES for level in LEVELS),
    ]  # fmt: skip
    assert table["accuracy"][0] == run.clean.sum() / 50
    row = table.set_index(["corruption", "severity"]).loc[("contrast", 3)]
    right = int(run.right[1, 1].sum())
    assert (row["accuracy"], row["n"], row["run"]) == (right / 50, 50, "svm")
    low, high = proportion_confint(right, 50, method="wilson")
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(low), pytest.approx(high))


def test_nothing_corrupted_is_an_empty_table():
    assert tuple(corruption_table([])) == CORRUPTION_COLUMNS
    assert corruption_table([]).empty
    found = corruption_summary([], 0, True)
    assert (found["runs"], found["comparison"], found["missing"]) == ({}, None, {})


def test_means_and_intervals_against_scipy():
    run = measured(n=300)
    found = robustness(run, seed=0)
    share = run.right.reshape(6, -1).mean(axis=0)
    assert found.corrupted == pytest.approx(run.right.mean())
    assert found.drop == pytest.approx(run.clean.mean() - run.right.mean())
    assert found.relative_drop == pytest.approx(1 - run.right.mean() / run.clean.mean())
    options = {"method": "percentile", "n_resamples": 20_000, "rng": 1, "batch": 500}
    for values, interval in (
        (share, found.corrupted_interval),
        (run.clean - share, found.drop_interval),
    ):
        expected = bootstrap((values,), np.mean, **options).confidence_interval
        assert interval.low == pytest.approx(expected.low, abs=0.004)
        assert interval.high == pytest.approx(expected.high, abs=0.004)
    assert robustness(run, seed=0) == found


def test_an_image_and_all_made_of_it_stay_together():
    """Six corruptions that an image fares alike under are no six images."""
    rng = np.random.default_rng(0)
    alike = np.tile(rng.random(200) < 0.5, (2, 3, 1))
    run = replace(measured(n=200), right=alike)
    interval = robustness(run, 0).corrupted_interval
    width = 2 * 1.96 * np.sqrt(0.25 / 200)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_nothing_right_has_no_relative_drop():
    run = replace(measured(n=20), clean=np.zeros(20, bool), right=np.zeros((2, 3, 20), bool))
    assert robustness(run, 0).relative_drop is None
    assert robustness(run, 0).drop == 0


def test_the_best_of_two_families_are_compared():
    net = measured("net", "deep", clean=0.9, skill=0.3)
    worse = measured("worse_net", "deep", clean=0.9, skill=0.9)
    svm = measured("svm", "classical", clean=0.7, skill=0.5, seed=1)
    found = drops_compared([net, worse, svm], 0, True)
    assert (found["deep"], found["classical"], found["n"]) == ("net", "svm", 200)
    assert found["deep_drop"] == pytest.approx(net.clean.mean() - net.right.mean())
    assert found["classical_drop"] == pytest.approx(svm.clean.mean() - svm.right.mean())
    assert found["difference"] == pytest.approx(found["deep_drop"] - found["classical_drop"])
    each = (net.clean - net.right.mean((0, 1))) - (svm.clean - svm.right.mean((0, 1)))
    spread = 1.96 * each.std() / np.sqrt(200)
    assert found["ci_low"] == pytest.approx(found["difference"] - spread, abs=0.01)
    assert found["ci_high"] == pytest.approx(found["difference"] + spread, abs=0.01)
    assert found["ci_low"] > 0, "the network falls further"
    assert drops_compared([net, worse], 0, True) is None
    assert drops_compared([svm], 0, True) is None


def test_only_what_both_have_is_compared():
    net = measured("net", "deep", n=100)
    net = replace(net, severities=(3, 1), right=net.right[:, [1, 0]])
    svm = measured("svm", n=150, first=40)
    svm = replace(svm, corruptions=("contrast",), right=svm.right[1:])
    found = drops_compared([svm, net], 0, True)
    assert (found["n"], found["corruptions"], found["severities"]) == (60, ["contrast"], [1, 3])
    deep = net.clean[40:].mean() - net.right[1][:, 40:].mean()
    classical = svm.clean[:60].mean() - svm.right[0, :2, :60].mean()
    assert found["deep_drop"] == pytest.approx(deep)
    assert found["classical_drop"] == pytest.approx(classical)
    apart = replace(svm, ids=svm.ids + 1000)
    assert drops_compared([apart, net], 0, True) is None


def test_summary_tells_what_is_missing():
    found = corruption_summary([measured("net", "deep"), measured("svm")], 0, False)
    assert set(found["runs"]) == {"net", "svm"}
    assert found["missing"] == {"frost": "no photographs"}
    assert found["comparison"]["independent_images"] is False
    numbers = found["runs"]["svm"]
    assert numbers["clean_accuracy"] - numbers["corrupted_accuracy"] == pytest.approx(
        numbers["drop"]
    )
    assert numbers["drop_ci_low"] < numbers["drop"] < numbers["drop_ci_high"]
