"""Accuracy without near-duplicates, by hand, and tables of near-duplicates that do not fit."""

import numpy as np
import pandas as pd
import pytest

from pipeline.checks import StudyError
from pipeline.evaluation.duplicates import (
    check_duplicates,
    near_duplicates_table,
    no_duplicates,
    unique_columns,
    unique_images,
)
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.measurements import DUPLICATE_COLUMNS
from pipeline.results import NEAR_DUPLICATE_COLUMNS

ANSWERS = Answers(
    ("cat", "8"),
    {
        "train": np.array([0, 1, 1]),
        "validation": np.array([1, 0]),
        "test": np.array([0, 0, 1, 1]),
    },
    {
        "train": np.array([12, 10, 11]),
        "validation": np.array([21, 20]),
        "test": np.array([33, 31, 30, 32]),
    },
)


def pairs(*rows):
    return pd.DataFrame(rows, columns=list(DUPLICATE_COLUMNS))


TWO = pairs((31, 10, "train", False, 0.99), (32, 20, "validation", True, 0.9))
ALL = pairs(*((test, 10, "train", False, 0.9) for test in (30, 31, 32, 33)))


def run(*predicted):
    return ScoredRun(
        name="run",
        cards=(),
        predicted=tuple({"test": np.array(each)} for each in predicted),
        history=pd.DataFrame(),
        tuning=pd.DataFrame(),
        accuracies=(),
        probabilities={},
    )


def test_accuracy_on_the_other_images_is_a_mean_over_seeds():
    unique = unique_images(TWO, ANSWERS)
    assert unique.tolist() == [True, False, True, False]
    # Of images 33 and 30 the first seed gets one right, the second both; of the rest, all.
    found = unique_columns([run([1, 0, 1, 1], [0, 0, 1, 1]), run([0, 1, 1, 0])], unique, ANSWERS)
    assert found["test_accuracy_unique"].tolist() == [0.75, 1]
    assert found["n_test_unique"].tolist() == [2, 2]


def test_where_all_images_have_one_there_is_no_accuracy():
    found = unique_columns([run([0, 0, 1, 1])], unique_images(ALL, ANSWERS), ANSWERS)
    assert np.isnan(found["test_accuracy_unique"].item())
    assert found["n_test_unique"].item() == 0


def test_without_near_duplicates_all_images_count():
    nothing = no_duplicates()
    check_duplicates(nothing, ANSWERS)
    found = unique_columns([run([0, 1, 1, 1])], unique_images(nothing, ANSWERS), ANSWERS)
    assert found.iloc[0].tolist() == [0.75, 4]
    assert tuple(near_duplicates_table(nothing, ANSWERS)) == NEAR_DUPLICATE_COLUMNS


def test_the_table_names_both_classes():
    check_duplicates(TWO, ANSWERS)
    found = near_duplicates_table(TWO, ANSWERS)
    assert tuple(found) == NEAR_DUPLICATE_COLUMNS
    assert found["actual"].tolist() == ["cat", "8"]
    assert found["partner_actual"].tolist() == ["8", "cat"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (pairs((99, 10, "train", False, 0.9)), "1 images that are not in the test split.* 99"),
        (pairs((30, 20, "train", False, 0.9)), "1 images that are not in the train split.* 20"),
        (pairs((30, 10, "validation", False, 0.9)), "not in the validation split"),
        (pairs((30, 31, "test", False, 0.9)), "partners in test; expected"),
        (
            pairs((30, 10, "train", False, 0.9), (30, 11, "train", False, 0.9)),
            "a test image twice",
        ),
    ],
)
def test_near_duplicates_of_another_study_are_refused(wrong, message):
    with pytest.raises(StudyError, match=f"{message}.*dvc repro duplicates"):
        check_duplicates(wrong, ANSWERS)
