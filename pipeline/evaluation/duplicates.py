"""Accuracy on the test images that have no near-duplicate among the images to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.measurements import DUPLICATE_COLUMNS
from pipeline.results import NEAR_DUPLICATE_COLUMNS

_REMEDY = "Find them anew with: dvc repro duplicates"


def check_duplicates(duplicates: pd.DataFrame, answers: Answers) -> None:
    """Raise `StudyError` unless near-duplicates are of this study's images.

    Args:
        duplicates: columns `measurements.DUPLICATE_COLUMNS`.
        answers: of this study.
    """
    if duplicates["test_id"].duplicated().any():
        raise StudyError(f"near-duplicates: found a test image twice; expected it once. {_REMEDY}")
    _check_known(duplicates["test_id"], answers, "test")
    splits = set(duplicates["split"])
    if not splits <= {"train", "validation"}:
        raise StudyError(
            f"near-duplicates: found partners in {', '.join(sorted(map(str, splits)))}; expected "
            f"train and validation alone. {_REMEDY}"
        )
    for split in splits:
        _check_known(duplicates.loc[duplicates["split"] == split, "id"], answers, split)


def _check_known(found: pd.Series, answers: Answers, split: str) -> None:
    strangers = found[~np.isin(found, answers.ids[split])]
    if len(strangers):
        raise StudyError(
            f"near-duplicates: found {len(strangers)} images that are not in the {split} split, "
            f"the first of id {strangers.iloc[0]}; expected this study's. {_REMEDY}"
        )


def no_duplicates() -> pd.DataFrame:
    """Return an empty table of near-duplicates."""
    return pd.DataFrame(columns=list(DUPLICATE_COLUMNS))


def unique_images(duplicates: pd.DataFrame, answers: Answers) -> NDArray[np.bool_]:
    """Return (n,), True for the test images that have no near-duplicate."""
    return ~np.isin(answers.ids["test"], duplicates["test_id"].to_numpy(dtype=np.int64))


def unique_columns(
    runs: Sequence[ScoredRun], unique: NDArray[np.bool_], answers: Answers
) -> pd.DataFrame:
    """Return `test_accuracy_unique` and `n_test_unique`, a row a run.

    The accuracy is the mean over seeds; not a number where every test image has a near-duplicate.
    """
    n, labels = int(unique.sum()), np.asarray(answers.labels["test"])[unique]
    seeds = [[each["test"][unique] == labels for each in run.predicted] for run in runs]
    values = [float(np.mean(right)) if n else float("nan") for right in seeds]
    return pd.DataFrame({"test_accuracy_unique": values, "n_test_unique": n})


def near_duplicates_table(duplicates: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """One row a test image with a near-duplicate, columns `NEAR_DUPLICATE_COLUMNS`."""
    partners = np.empty(len(duplicates), dtype=object)
    splits = duplicates["split"].to_numpy()
    for split in ("train", "validation"):
        here = splits == split
        partners[here] = _classes(duplicates.loc[here, "id"], answers, split)
    actual = _classes(duplicates["test_id"], answers, "test")
    table = duplicates.assign(actual=actual, partner_actual=partners)
    return table[list(NEAR_DUPLICATE_COLUMNS)]


def _classes(ids: pd.Series, answers: Answers, split: str) -> NDArray[np.object_]:
    """Return the names of the classes of images of a split, by their ids."""
    labels = pd.Series(np.asarray(answers.labels[split]), index=np.asarray(answers.ids[split]))
    names = np.array(answers.class_names, dtype=object)
    return names[labels.loc[ids.to_numpy(dtype=np.int64)].to_numpy()]
