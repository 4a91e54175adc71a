"""Which images stand behind a cell of a confusion matrix, and how many."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.confusion.images import MOST_RIGHT, MOST_WRONG, PER_CELL, pictured_cells
from pipeline.analyses.confusion.table import CONFUSION_IMAGES, confusion_images_table
from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from tests.pipeline.analyses.scored_runs import study_of


def scored(name, probabilities, further_seeds=()):
    seeds = [np.asarray(each, dtype=np.float32) for each in (probabilities, *further_seeds)]
    return ScoredRun(
        name=name,
        cards=(SimpleNamespace(family="deep"),),
        predicted=tuple({"test": each.argmax(axis=1)} for each in seeds),
        history=pd.DataFrame(),
        tuning=pd.DataFrame(),
        accuracies=(),
        probabilities={"test": seeds[0]},
    )


def labels_of(actual, n_classes):
    names = tuple(f"class {number}" for number in range(n_classes))
    return Labels(names, {"test": actual}, {"test": np.arange(len(actual)) + 100})


def test_rows_told_by_hand():
    # cat cat cat dog dog: said cat .6, dog .7, dog .9, dog .8, cat .5 (of equal ones, the first)
    shares = [[0.6, 0.4], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8], [0.5, 0.5]]
    labels = np.array([0, 0, 0, 1, 1])
    told = Labels(("cat", "dog"), {"test": labels}, {"test": np.array([7, 8, 9, 10, 11])})
    other_seed = 1 - np.array(shares)
    table = confusion_images_table(study_of([scored("net", shares, [other_seed])], told))
    assert tuple(table) == CONFUSION_IMAGES.names
    assert table.drop(columns=["image", "confidence"]).to_numpy().tolist() == [
        ["net", "cat", "cat", 1, 7],
        ["net", "cat", "dog", 1, 9],
        ["net", "cat", "dog", 2, 8],
        ["net", "dog", "cat", 1, 11],
        ["net", "dog", "dog", 1, 10],
    ]
    assert table["confidence"].tolist() == pytest.approx([0.6, 0.9, 0.7, 0.5, 0.8])
    assert table["image"].tolist() == [f"samples/small/{i}.jpg" for i in table["id"]]


def test_every_cell_of_ten_classes_against_a_plain_search(rng):
    labels = rng.integers(0, 10, 3000)
    run = scored("net", rng.dirichlet(np.full(10, 0.3), 3000))
    table = confusion_images_table(study_of([run], labels_of(labels, 10)))
    predicted = run.predicted[0]["test"]
    expected = {}
    for actual in range(10):
        for said in range(10):
            cell = np.flatnonzero((labels == actual) & (predicted == said))
            falling = sorted(cell, key=lambda i: -run.confidence[i])[:PER_CELL]
            expected[f"class {actual}", f"class {said}"] = [i + 100 for i in falling]
    found = table.groupby(["actual", "predicted"])["id"].agg(list).to_dict()
    assert found == {cell: ids for cell, ids in expected.items() if ids}
    assert len(table) == 400


def test_with_many_classes_the_most_frequent_cells_come_first(rng):
    labels = rng.integers(0, 100, 8000)
    run = scored("net", rng.dirichlet(np.full(100, 0.05), 8000))
    run.predicted[0]["test"][:800] = (labels[:800] + 1) % 100
    table = confusion_images_table(study_of([run], labels_of(labels, 100)))
    wrong = table[table["actual"] != table["predicted"]]
    assert MOST_WRONG - PER_CELL < len(wrong) <= MOST_WRONG
    assert 0 < len(table) - len(wrong) <= MOST_RIGHT
    counts = np.zeros((100, 100), dtype=int)
    np.add.at(counts, (labels, run.predicted[0]["test"]), 1)
    chosen = pictured_cells(counts)
    off = ~np.eye(100, dtype=bool).ravel()
    shown, hidden = chosen[off[chosen]], np.setdiff1d(np.flatnonzero(off), chosen)
    assert counts.ravel()[shown].min() >= counts.ravel()[hidden].max()


def test_a_run_without_an_error_shows_the_diagonal_alone():
    labels = np.array([0, 1, 2, 0])
    table = confusion_images_table(
        study_of([scored("net", np.eye(3)[labels])], labels_of(labels, 3))
    )
    assert (table["actual"] == table["predicted"]).all()
    assert len(table) == 4
    assert confusion_images_table(study_of([], labels_of(labels, 3))).empty
