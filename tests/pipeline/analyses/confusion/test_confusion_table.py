"""Confused pairs of classes, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.analyses.confusion.table import CONFUSED_PAIRS, confused_pairs_table
from tests.pipeline.analyses.mistakes.test_mistakes_table import KNOWN, LABELS, NET, SVM, scored
from tests.pipeline.analyses.scored_runs import study_of


def test_pairs_are_summed_over_seeds():
    # svm: 2 cat (image 2 is an eel), 3 dog (a cat), 4 eel (a dog); net: 0 dog, 1 cat, 3 dog, 4 eel
    table = confused_pairs_table(study_of([scored("svm", SVM, [NET], "classical")], KNOWN))
    rows = table.set_index(["class_a", "class_b"])
    assert (rows["run"] == "svm").all()
    assert (rows["family"] == "classical").all()
    assert rows[["a_as_b", "b_as_a"]].apply(tuple, axis=1).to_dict() == {
        ("cat", "dog"): (3, 1), ("dog", "eel"): (2, 0), ("cat", "eel"): (0, 1),
    }  # fmt: skip
    assert rows["share"].tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert isinstance(table["a_as_b"].iloc[0], (int, np.integer))


def test_a_run_without_an_error_confuses_no_classes():
    table = confused_pairs_table(study_of([scored("net", np.eye(3)[LABELS])], KNOWN))
    assert tuple(table) == CONFUSED_PAIRS.names
    assert table.empty
