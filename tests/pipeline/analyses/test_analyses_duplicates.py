"""What is claimed of copies and look-alikes, by hand, and tables of them that do not fit."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.accuracy import table as accuracy
from pipeline.analyses.duplicates import (
    check_duplicates,
    claimed_pairs,
    no_duplicates,
    unique_images,
)
from pipeline.analyses.labels import Labels
from pipeline.analyses.near_duplicates.table import TABLES, compute, record
from pipeline.checks import StudyError
from pipeline.storage.near_duplicates import (
    COPY_COLUMNS,
    DUPLICATE_COLUMNS,
    Duplicates,
    SimilarityCheck,
)
from tests.pipeline.analyses.scored_runs import study_of

KNOWN = Labels(
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


TELLS = SimilarityCheck(similarity=0.85, images=3, alike=0, nearly=0, test_alike=2)
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


def unique(given, *predicted):
    """Accuracy and number of test images without near-duplicates, by the predictions of seeds."""
    run = SimpleNamespace(predicted=[{"test": np.array(each)} for each in predicted])
    study = study_of([], KNOWN, duplicates=given)
    columns = {column.name: column.value for column in accuracy.TABLES[0].columns}
    return [columns[name](run, study) for name in ("test_accuracy_unique", "n_test_unique")]


def table_of(given):
    return compute(study_of([], KNOWN, duplicates=given))["near_duplicates"]


def record_of(given, known=KNOWN, names=None):
    return record(study_of([], known, duplicates=given, image_names=names or {}))["duplicates"]


def test_accuracy_on_the_other_images_is_a_mean_over_seeds():
    assert unique_images(TWO, KNOWN).tolist() == [True, False, True, False]
    # Of images 33 and 30 the first seed gets one right, the second both; of the rest, all.
    assert unique(TWO, [1, 0, 1, 1], [0, 0, 1, 1]) == [0.75, 2]
    assert unique(TWO, [0, 1, 1, 0]) == [1, 2]


def test_where_all_images_have_one_there_is_no_accuracy():
    share, n = unique(ALL, [0, 0, 1, 1])
    assert np.isnan(share)
    assert n == 0


def test_without_near_duplicates_all_images_count():
    nothing = no_duplicates()
    check_duplicates(nothing, KNOWN)
    assert unique(nothing, [0, 1, 1, 1]) == [0.75, 4]
    assert tuple(table_of(nothing)) == TABLES[0].names


def test_the_table_names_both_classes():
    check_duplicates(TWO, KNOWN)
    table = table_of(TWO)
    assert tuple(table) == TABLES[0].names
    assert table["actual"].tolist() == ["cat", "8"]
    assert table["partner_actual"].tolist() == ["8", "cat"]


def test_where_likeness_tells_nothing_exact_copies_alone_are_claimed():
    mixed = found((31, 10, "train", False, 1), (32, 20, "validation", True, 0.9), check=TELLS_NOT)
    assert claimed_pairs(mixed, KNOWN)["test_id"].tolist() == [31]
    assert unique_images(mixed, KNOWN).tolist() == [True, False, True, True]
    told = record_of(mixed)
    assert (told["exact"], told["alike"], told["not_claimed"]) == (1, 0, "within_train")
    assert told["check"]["alike"] == 2
    # Without an exact copy, there is no accuracy "without them" either.
    assert unique_images(replace(TWO, check=TELLS_NOT), KNOWN) is None
    assert np.isnan(unique(replace(TWO, check=TELLS_NOT), [0, 0, 1, 1])).all()


def test_look_alikes_that_mostly_join_two_classes_are_not_claimed():
    labels = {"train": np.array([0, 1]), "validation": np.array([0]), "test": np.repeat([0, 1], 5)}
    ids = {"train": np.array([10, 11]), "validation": np.array([20]), "test": np.arange(30, 40)}
    known = Labels(("cat", "8"), labels, ids)
    pairs = [(test, 10, "train", False, 0.9) for test in range(30, 40)]
    assert len(claimed_pairs(found(*pairs[:9]), known)) == 9  # 4 of 9 under another class
    assert claimed_pairs(found(*pairs), known).empty
    assert record_of(found(*pairs), known)["not_claimed"] == "between_classes"
    assert len(claimed_pairs(found(*pairs[8:]), known)) == 2  # too few to speak against it


@pytest.mark.tried(
    "Images",
    "the same image in two class folders of the training images",
    "both files are named on the page, with their classes",
)
def test_copies_with_two_labels_are_named():
    copies = [(10, "train", 12, "train"), (11, "train", 10, "train"),
              (20, "validation", 10, "train"), (30, "test", 12, "train")]  # fmt: skip
    told = record_of(found(copies=copies), names={10: "8/a.png", 12: "cat/b.png"})
    assert told["conflicts"] == {
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
        check_duplicates(wrong, KNOWN)
