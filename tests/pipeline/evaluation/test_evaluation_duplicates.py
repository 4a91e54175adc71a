"""What is claimed of copies and look-alikes, by hand, and tables of them that do not fit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.checks import StudyError
from pipeline.evaluation.duplicates import (
    check_duplicates,
    claimed_pairs,
    duplicates_record,
    near_duplicates_table,
    no_duplicates,
    unique_columns,
    unique_images,
)
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.results import NEAR_DUPLICATE_COLUMNS
from pipeline.storage.measurements import COPY_COLUMNS, DUPLICATE_COLUMNS, Duplicates, LikenessCheck

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


TELLS = LikenessCheck(similarity=0.85, images=3, alike=0, nearly=0, test_alike=2)
TELLS_NOT = replace(TELLS, alike=2)


def found(*rows, copies=(), check=TELLS):
    """Rows of (test image, image, its split, mirrored, similarity), alike unless all pixels are."""
    table = [(a, b, split, "exact" if s == 1 else "alike", m, s) for a, b, split, m, s in rows]
    return Duplicates(
        pd.DataFrame(table, columns=list(DUPLICATE_COLUMNS)),
        pd.DataFrame(list(copies), columns=list(COPY_COLUMNS)),
        check,
    )


TWO = found((31, 10, "train", False, 0.99), (32, 20, "validation", True, 0.9))
ALL = found(*((test, 10, "train", False, 0.9) for test in (30, 31, 32, 33)))


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
    table = unique_columns([run([1, 0, 1, 1], [0, 0, 1, 1]), run([0, 1, 1, 0])], unique, ANSWERS)
    assert table["test_accuracy_unique"].tolist() == [0.75, 1]
    assert table["n_test_unique"].tolist() == [2, 2]


def test_where_all_images_have_one_there_is_no_accuracy():
    table = unique_columns([run([0, 0, 1, 1])], unique_images(ALL, ANSWERS), ANSWERS)
    assert np.isnan(table["test_accuracy_unique"].item())
    assert table["n_test_unique"].item() == 0


def test_without_near_duplicates_all_images_count():
    nothing = no_duplicates()
    check_duplicates(nothing, ANSWERS)
    table = unique_columns([run([0, 1, 1, 1])], unique_images(nothing, ANSWERS), ANSWERS)
    assert table.iloc[0].tolist() == [0.75, 4]
    assert tuple(near_duplicates_table(nothing.pairs, ANSWERS)) == NEAR_DUPLICATE_COLUMNS


def test_the_table_names_both_classes():
    check_duplicates(TWO, ANSWERS)
    table = near_duplicates_table(TWO.pairs, ANSWERS)
    assert tuple(table) == NEAR_DUPLICATE_COLUMNS
    assert table["actual"].tolist() == ["cat", "8"]
    assert table["partner_actual"].tolist() == ["8", "cat"]


def test_where_likeness_tells_nothing_exact_copies_alone_are_claimed():
    mixed = found((31, 10, "train", False, 1), (32, 20, "validation", True, 0.9), check=TELLS_NOT)
    assert claimed_pairs(mixed, ANSWERS)["test_id"].tolist() == [31]
    assert unique_images(mixed, ANSWERS).tolist() == [True, False, True, True]
    record = duplicates_record(mixed, ANSWERS)
    assert (record["exact"], record["alike"], record["not_claimed"]) == (1, 0, "within_train")
    assert record["check"]["alike"] == 2
    # Without an exact copy, there is no accuracy "without them" either.
    assert unique_images(replace(TWO, check=TELLS_NOT), ANSWERS) is None
    table = unique_columns([run([0, 0, 1, 1])] * 2, None, ANSWERS)
    assert table.shape == (2, 2)
    assert table.isna().all(axis=None)


def test_look_alikes_that_mostly_join_two_classes_are_not_claimed():
    labels = {"train": np.array([0, 1]), "validation": np.array([0]), "test": np.repeat([0, 1], 5)}
    ids = {"train": np.array([10, 11]), "validation": np.array([20]), "test": np.arange(30, 40)}
    answers = Answers(("cat", "8"), labels, ids)
    pairs = [(test, 10, "train", False, 0.9) for test in range(30, 40)]
    assert len(claimed_pairs(found(*pairs[:9]), answers)) == 9  # 4 of 9 under another class
    assert claimed_pairs(found(*pairs), answers).empty
    assert duplicates_record(found(*pairs), answers)["not_claimed"] == "between_classes"
    assert len(claimed_pairs(found(*pairs[8:]), answers)) == 2  # too few to speak against it


@pytest.mark.tried(
    "Images",
    "the same image in two class folders of the training images",
    "both files are named on the page, with their classes",
)
def test_copies_with_two_labels_are_named():
    copies = [(10, "train", 12, "train"), (11, "train", 10, "train"),
              (20, "validation", 10, "train"), (30, "test", 12, "train")]  # fmt: skip
    record = duplicates_record(found(copies=copies), ANSWERS, {10: "8/a.png", 12: "cat/b.png"})
    assert record["conflicts"] == {
        "n": 2,
        "named": [
            {"images": ["cat/b.png", "8/a.png"], "classes": ["cat", "8"]},
            {"images": ["8/a.png", "image 20"], "classes": ["8", "cat"]},
        ],
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (found((99, 10, "train", False, 0.9)), "1 images that are not in the test split.* 99"),
        (found((30, 20, "train", False, 0.9)), "1 images that are not in the train split.* 20"),
        (found((30, 10, "validation", False, 0.9)), "not in the validation split"),
        (found((30, 31, "test", False, 0.9)), "partners in test; expected"),
        (
            found((30, 10, "train", False, 0.9), (30, 11, "train", False, 0.9)),
            "a test image twice",
        ),
        (found(copies=[(12, "train", 99, "train")]), "not in the train split.* 99"),
        (found(copies=[(12, "train", 10, "other")]), "copies in other"),
        (replace(TWO, pairs=TWO.pairs.assign(kind="same")), "pairs of kind same"),
    ],
)
def test_near_duplicates_of_another_study_are_refused(wrong, message):
    with pytest.raises(StudyError, match=f"{message}.*dvc repro duplicates"):
        check_duplicates(wrong, ANSWERS)
