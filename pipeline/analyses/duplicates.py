"""Copies and look-alikes of test images: which pairs may be called near-duplicates.

Labels come in here: pairs of look-alikes that mostly have different labels are probably no copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.checks import StudyError
from pipeline.storage.near_duplicates import (
    ALIKE,
    COPY_COLUMNS,
    DUPLICATE_COLUMNS,
    EXACT,
    Duplicates,
    SimilarityCheck,
)

LEARN = ("train", "validation")
"""The splits that runs learn from."""
_ENOUGH = 5
"""Look-alikes of another class from which on their share says something."""
_REMEDY = "Find them again with: dvc repro duplicates"


def check_duplicates(found: Duplicates, labels: Labels) -> None:
    """Raise `StudyError` unless near-duplicates and copies are of this study's images."""
    pairs, copies = found.pairs, found.copies
    if pairs["test_id"].duplicated().any():
        raise StudyError(f"near-duplicates: found a test image twice; expected it once. {_REMEDY}")
    _check_known(pairs["test_id"], labels, "test")
    _check_words(pairs["split"], LEARN, "partners in")
    _check_words(pairs["kind"], (EXACT, ALIKE), "pairs of kind")
    for table, names in ((pairs, ("id", "split")), (copies, COPY_COLUMNS[:2]),
                         (copies, COPY_COLUMNS[2:])):  # fmt: skip
        for split, part in table.groupby(names[1]):
            _check_words(part[names[1]], (*LEARN, "test"), "copies in")
            _check_known(part[names[0]], labels, str(split))


def _check_words(found: pd.Series, expected: Sequence[str], what: str) -> None:
    strange = sorted(set(map(str, found)) - set(expected))
    if strange:
        raise StudyError(
            f"near-duplicates: found {what} {', '.join(strange)}; expected only "
            f"{' and '.join(expected)}. {_REMEDY}"
        )


def _check_known(found: pd.Series, labels: Labels, split: str) -> None:
    strangers = found[~np.isin(found, labels.ids[split])]
    if len(strangers):
        raise StudyError(
            f"near-duplicates: found {len(strangers)} images that are not in the {split} split, "
            f"the first of id {strangers.iloc[0]}; expected this study's. {_REMEDY}"
        )


def no_duplicates() -> Duplicates:
    """Return what a study has in which no image resembles another."""
    return Duplicates(
        pairs=pd.DataFrame(columns=list(DUPLICATE_COLUMNS)),
        copies=pd.DataFrame(columns=list(COPY_COLUMNS)),
        check=SimilarityCheck(similarity=1.0, images=1, alike=0, nearly=0, test_alike=0),
    )


def claimed_pairs(found: Duplicates, labels: Labels) -> pd.DataFrame:
    """Return the pairs that are said to be near-duplicates, columns `DUPLICATE_COLUMNS`.

    Exact copies always are. Look-alikes are not where the check within train speaks against it, or
    where at least half of them join two classes.
    """
    if objection(found, labels) is None:
        return found.pairs
    return found.pairs[found.pairs["kind"] == EXACT].reset_index(drop=True)


def objection(found: Duplicates, labels: Labels) -> str | None:
    """Return why look-alikes are not claimed to be copies; None where nothing speaks against it.

    It is ``within_train``, where unrelated images of the training split are as alike, or
    ``between_classes``, where at least half of the look-alikes have another class.
    """
    if not found.check.tells:
        return "within_train"
    alike = found.pairs[found.pairs["kind"] == ALIKE]
    classes = classes_of_pairs(alike, labels)
    other = int((classes["actual"] != classes["partner_actual"]).sum())
    return "between_classes" if other >= _ENOUGH and 2 * other >= len(alike) else None


def unique_images(found: Duplicates, labels: Labels) -> NDArray[np.bool_] | None:
    """Return (n,), True for the test images that are in no claimed pair.

    None where look-alikes are not claimed and no exact copy is known: then that is unknown.
    """
    pairs = claimed_pairs(found, labels)
    if pairs.empty and objection(found, labels) is not None:
        return None
    return ~np.isin(labels.test_ids, pairs["test_id"].to_numpy(dtype=np.int64))


def classes_of_pairs(pairs: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Return columns ``actual`` and ``partner_actual``: the classes of both images of each pair."""
    test = pd.Series("test", index=pairs.index)
    return pd.DataFrame(
        {
            "actual": classes_of(pairs["test_id"], test, labels),
            "partner_actual": classes_of(pairs["id"], pairs["split"], labels),
        },
        index=pairs.index,
    )


def classes_of(ids: pd.Series, splits: pd.Series, labels: Labels) -> NDArray[np.object_]:
    """Return the (n,) names of the classes of images, by their ids and splits."""
    names, found = np.array(labels.class_names, dtype=object), np.empty(len(ids), dtype=object)
    for split in splits.unique():
        here = (splits == split).to_numpy()
        known = pd.Series(np.asarray(labels.by_split[split]), index=np.asarray(labels.ids[split]))
        found[here] = names[known.loc[ids[here].to_numpy(dtype=np.int64)].to_numpy()]
    return found
