"""Which images are said to be those of highest and lowest confidence."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.confidence.table import TABLES, compute, most_and_least_confident
from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.storage.runs import HISTORY_COLUMNS
from tests.pipeline.analyses.scored_runs import study_of

CONFIDENCE = np.array([0.5, 0.9, 0.9, 0.3, 0.8, 0.3, 1.0], dtype=np.float32)
CORRECT = np.array([True, True, False, False, True, True, False])


def test_positions_told_by_hand():
    found = most_and_least_confident(CONFIDENCE, CORRECT, count=3)
    assert found["sure_right"].tolist() == [1, 4, 0]
    assert found["sure_wrong"].tolist() == [6, 2, 3]
    assert found["unsure"].tolist() == [3, 5, 0]


def test_ties_go_by_position(rng):
    confidence = rng.choice([0.25, 0.5, 1.0], 500).astype(np.float32)
    correct = rng.random(500) < 0.7
    found = most_and_least_confident(confidence, correct, count=40)
    for kind, sign in (("sure_right", -1), ("sure_wrong", -1), ("unsure", 1)):
        keys = [(sign * confidence[position], position) for position in found[kind]]
        assert keys == sorted(keys)
        assert len(keys) == 40


def test_fewer_images_than_asked_for():
    found = most_and_least_confident(CONFIDENCE, np.ones(7, dtype=bool), count=20)
    assert found["sure_wrong"].size == 0
    assert found["sure_right"].size == found["unsure"].size == 7


@pytest.fixture
def labels():
    actual = np.array([0, 0, 1, 1, 0, 1, 0])
    return Labels(("cat", "dog"), {"test": actual}, {"test": np.arange(70, 77)})


def scored(name, labels, family="deep"):
    predicted = np.where(CORRECT, labels.test, 1 - labels.test)
    shares = np.stack([1 - CONFIDENCE, 1 - CONFIDENCE], axis=1)
    shares[np.arange(len(predicted)), predicted] = CONFIDENCE
    return ScoredRun(
        name=name,
        cards=(SimpleNamespace(family=family),),
        predicted=({"test": predicted},),
        history=pd.DataFrame(columns=list(HISTORY_COLUMNS)),
        tuning=pd.DataFrame(),
        accuracies=(),
        probabilities={"test": shares},
    )


def test_rows_name_images_classes_and_probability(labels):
    table = compute(study_of([scored("net", labels)], labels))["certainty"]
    assert tuple(table) == TABLES[0].names
    row = table[(table["kind"] == "sure_wrong") & (table["rank"] == 1)].iloc[0]
    assert (row["run"], row["family"], row["id"]) == ("net", "deep", 76)
    assert (row["image"], row["confidence"]) == ("samples/76.png", 1.0)
    assert (row["actual"], row["predicted"]) == ("cat", "dog")
    right = table[table["kind"] == "sure_right"]
    assert (right["actual"] == right["predicted"]).all()
    assert right["rank"].tolist() == [1, 2, 3, 4]


def test_each_family_has_its_rows(labels):
    runs = [scored("svm", labels, "classical"), scored("mixed", labels, "hybrid")]
    table = compute(study_of(runs, labels))["certainty"]
    assert table.groupby("family")["run"].unique().str[0].to_dict() == {
        "classical": "svm", "hybrid": "mixed",
    }  # fmt: skip
