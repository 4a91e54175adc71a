"""Scores of corrupted images, checked and reduced to right and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analyses.corrupted_runs import CorruptedRecord, score_corrupted
from pipeline.checks import StudyError
from pipeline.storage.corrupted import CorruptedCard, CorruptedScores
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run

NAMES, LEVELS = ("fog", "contrast"), (1, 3, 5)
REMEDY = "dvc repro corrupt@svm"


@pytest.fixture
def labels(rng):
    return made_up_labels(rng)


@pytest.fixture
def run(labels, rng):
    return made_up_run("svm", labels, 0.8, rng)


def record(labels, rng, name="svm", n=40, skill=0.5, **changes) -> CorruptedRecord:
    """Scores of the first `n` images in a random order, right for a share `skill` of them."""
    positions = rng.permutation(len(labels.test_ids))[:n]
    actual = labels.test[positions]

    def made(share):
        scores = rng.normal(size=(n, len(labels.class_names))).astype(np.float32)
        right = rng.random(n) < share
        scores[right, actual[right]] += 20
        return scores

    clean = made(0.9)
    corrupted = {each: np.stack([made(skill) for _ in LEVELS]) for each in NAMES}
    card = CorruptedCard(name, 0, 5, NAMES, LEVELS, {"frost": "no photographs"})
    scores = CorruptedScores(card, labels.test_ids[positions], clean, corrupted)
    given = {"scores": scores, "remedy": REMEDY, "limit": n}
    return CorruptedRecord(**given | {"corruptions": NAMES, "severities": LEVELS} | changes)


def test_each_image_is_scored_against_its_own_label(labels, run, rng):
    given = record(labels, rng)
    (found,) = score_corrupted([given], [run], labels, 5)
    assert (found.name, found.family, found.seed) == ("svm", "classical", 0)
    assert (np.diff(found.ids) > 0).all()
    label = dict(zip(labels.test_ids, labels.test, strict=True))
    for row, id_ in enumerate(given.scores.ids):
        column = list(found.ids).index(id_)
        assert found.clean[column] == (given.scores.clean[row].argmax() == label[id_])
        for each, name in enumerate(NAMES):
            for level in range(3):
                right = given.scores.corrupted[name][level, row].argmax() == label[id_]
                assert found.right[each, level, column] == right


def test_runs_come_in_the_order_of_the_study(labels, rng):
    runs = [made_up_run(name, labels, 0.7, rng) for name in ("a", "b", "c")]
    records = [record(labels, rng, "c"), record(labels, rng, "a")]
    assert [run.name for run in score_corrupted(records, runs, labels, 5)] == ["a", "c"]
    assert score_corrupted([], runs, labels, 5) == []


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
def test_what_cannot_be_scored(labels, run, rng, what):
    damage, message = DAMAGES[what]
    with pytest.raises(StudyError, match=message) as caught:
        score_corrupted([damage(record(labels, rng))], [run], labels, 5)
    assert "run 'svm'" in str(caught.value)
    assert f"Repair it with: {REMEDY}" in str(caught.value)


def test_a_limit_above_the_test_split_is_all_of_it(labels, run, rng):
    n = len(labels.test_ids)
    given = replace(record(labels, rng, n=n), limit=n + 700)
    (found,) = score_corrupted([given], [run], labels, 5)
    assert len(found.ids) == n


def test_scores_of_a_run_that_is_not_in_the_study(labels, run, rng):
    with pytest.raises(StudyError, match="'other', which is no run"):
        score_corrupted([record(labels, rng, "other")], [run], labels, 5)
