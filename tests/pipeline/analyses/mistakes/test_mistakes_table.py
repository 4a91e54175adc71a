"""Which images are said to be hard, to tell families apart, or to be mislabeled."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.labels import Labels
from pipeline.analyses.mistakes import table as mistakes
from pipeline.analyses.mistakes.images import error_images, image_votes
from pipeline.analyses.mistakes.table import TABLES, compute, record
from pipeline.analyses.scored import ScoredRun
from tests.pipeline.analyses.scored_runs import study_of

CLASSES = ("cat", "dog", "eel")
LABELS = np.array([0, 1, 2, 0, 1, 2])
IDS = np.array([70, 71, 72, 73, 74, 75])
KNOWN = Labels(CLASSES, {"test": LABELS}, {"test": IDS})

# Probabilities of cat, dog and eel for the six images; those of the label are .6 .7 .2 .1 .3 .9
SVM = np.array([[6, 3, 1], [2, 7, 1], [5, 3, 2], [1, 8, 1], [1, 3, 6], [0, 1, 9]]) / 10
# .1 .4 .8 .2 .1 .7
NET = np.array([[1, 9, 0], [5, 4, 1], [1, 1, 8], [2, 7, 1], [0, 1, 9], [2, 1, 7]]) / 10
# .2 .5 .4 .3 .4 .6
POOR_NET = np.array([[2, 7, 1], [4, 5, 1], [5, 1, 4], [3, 1, 6], [2, 4, 4], [3, 1, 6]]) / 10


def scored(name, probabilities, further_seeds=(), family="deep"):
    values = np.array(probabilities, dtype=np.float32)
    seeds = [values, *(np.array(each, dtype=np.float32) for each in further_seeds)]
    return ScoredRun(
        name=name,
        cards=(SimpleNamespace(family=family),),
        predicted=tuple({"test": each.argmax(axis=1)} for each in seeds),
        history=pd.DataFrame(),
        tuning=pd.DataFrame(),
        accuracies=(),
        probabilities={"test": values},
    )


@pytest.fixture
def runs():
    return [
        scored("svm", SVM, family="classical"),
        scored("net", NET),
        scored("poor_net", POOR_NET),
    ]


@pytest.fixture
def best(runs):
    return {"classical": runs[0], "deep": runs[1]}


@pytest.fixture
def votes(runs, best):
    return image_votes(runs, best, LABELS)


# Predicted: svm 0 1 0 1 2 2, net 1 0 2 1 2 2, poor_net 1 1 0 2 1 2 (of equal ones, the lower).


def test_votes_counted_by_hand(votes):
    assert votes.runs_right.tolist() == [1, 2, 1, 0, 1, 3]
    expected = [0.9 / 3, 1.6 / 3, 1.4 / 3, 0.6 / 3, 0.8 / 3, 2.2 / 3]
    np.testing.assert_allclose(votes.label_probability, expected, rtol=1e-6)
    np.testing.assert_allclose(
        votes.best_label_probability(), [0.35, 0.55, 0.5, 0.15, 0.2, 0.8], rtol=1e-6
    )


def test_kinds_told_by_hand(votes):
    found = error_images(votes)
    # 3 (no run right), then 4, 0, 2 (one right; 0.8, 0.9, 1.4 in all), then 1; 5 is not hard
    assert found.hardest.tolist() == [3, 4, 0, 2, 1]
    # svm's probability of the label less net's: 0.6 - 0.1 and 0.7 - 0.4
    assert found.only_classical.tolist() == [0, 1]
    assert found.only_deep.tolist() == [2]
    # both best say dog of image 3 (mean 0.75 against 0.15), eel of 4 (0.75 against 0.2)
    assert found.label_suspect.tolist() == [3, 4]


def test_equal_images_stand_in_the_order_of_the_split():
    same = [SVM[3]] * 6  # says dog
    labels = np.zeros(6, dtype=int)
    pair = {"classical": scored("a", same), "deep": scored("b", same)}
    found = error_images(image_votes(list(pair.values()), pair, labels))
    assert found.hardest.tolist() == found.label_suspect.tolist() == [0, 1, 2, 3, 4, 5]


def test_the_larger_gap_is_the_more_suspect_label(rng):
    """Against the rule written out image by image."""
    labels = rng.integers(0, 3, 300)
    pair = {f: scored(f, rng.dirichlet((1, 1, 1), 300)) for f in ("classical", "deep", "hybrid")}
    found = error_images(image_votes(list(pair.values()), pair, labels)).label_suspect
    gaps = {}
    for image, label in enumerate(labels):
        rows = [run.probabilities["test"][image] for run in pair.values()]
        said = {int(row.argmax()) for row in rows}
        if len(said) == 1 and said != {label}:
            gaps[image] = np.mean([float(row[min(said)]) - float(row[label]) for row in rows])
    assert set(found) == set(gaps)
    assert found.tolist() == sorted(gaps, key=lambda image: -gaps[image])
    assert 5 < len(found) < 60


def test_rows_name_images_classes_and_runs(runs):
    table = compute(study_of(runs, KNOWN))["errors"]
    assert tuple(table) == TABLES[0].names
    assert (
        table["kind"].tolist()
        == ["hardest"] * 5 + ["only_classical"] * 2 + ["only_deep"] + ["label_suspect"] * 2
    )
    assert table["rank"].tolist() == [1, 2, 3, 4, 5, 1, 2, 1, 1, 2]
    row = table[table["kind"] == "only_classical"].iloc[0]
    assert (row["id"], row["image"], row["actual"]) == (70, "samples/70.png", "cat")
    assert (row["classical_predicted"], row["deep_predicted"]) == ("cat", "dog")
    assert (row["runs_right"], row["runs"]) == (1, 3)
    assert row["label_probability"] == pytest.approx(0.35)


def test_no_more_rows_than_asked_for(runs, monkeypatch):
    monkeypatch.setattr(mistakes, "COUNT", 1)
    table = compute(study_of(runs, KNOWN))["errors"]
    assert table["kind"].tolist() == ["hardest", "only_classical", "only_deep", "label_suspect"]


def test_counts_are_of_the_whole_split(runs):
    assert record(study_of(runs, KNOWN))["errors"] == {
        "images": 6,
        "runs": 3,
        "every_run_right": 1,
        "no_run_right": 1,
        "only_classical_right": 2,
        "only_deep_right": 1,
        "label_suspect": 2,
    }


@pytest.mark.parametrize(
    ("family", "absent"),
    [("classical", "deep_predicted"), ("deep", "classical_predicted")],
)
def test_one_family_alone_has_no_second_opinion(runs, family, absent):
    alone = image_votes(runs[:1], {family: runs[0]}, LABELS)
    found = error_images(alone)
    assert found.hardest.tolist() == [3, 2, 4]
    assert found.only_classical.size == found.only_deep.size == found.label_suspect.size == 0
    one = scored("svm", SVM, family=family)
    table = compute(study_of([one], KNOWN))["errors"]
    assert table[absent].tolist() == [""] * 3


def test_runs_without_an_error_leave_an_empty_table():
    perfect = [scored(f, np.eye(3)[LABELS], family=f) for f in ("classical", "deep")]
    table = compute(study_of(perfect, KNOWN))["errors"]
    assert tuple(table) == TABLES[0].names
    assert table.empty


def test_of_several_seeds_images_take_the_first():
    both = {"classical": scored("svm", SVM, [NET])}
    assert image_votes(list(both.values()), both, LABELS).runs_right.tolist() == [1, 1, 0, 0, 0, 1]
