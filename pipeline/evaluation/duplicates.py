"""Copies and look-alikes of test images: what may be claimed, and accuracy on the other images.

Labels come in here: copies within the images to learn from that bear two, and pairs of look-alikes
that mostly bear different ones, which speaks against their being copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.results import NEAR_DUPLICATE_COLUMNS
from pipeline.storage.measurements import (
    ALIKE,
    COPY_COLUMNS,
    DUPLICATE_COLUMNS,
    EXACT,
    Duplicates,
    LikenessCheck,
)

NAMED_CONFLICTS = 20
"""Copies with two labels that ``study.json`` names, at most; it counts all."""
_ENOUGH = 5
"""Look-alikes of another class from which on their share says something."""
_LEARN = ("train", "validation")
_REMEDY = "Find them anew with: dvc repro duplicates"


def check_duplicates(found: Duplicates, answers: Answers) -> None:
    """Raise `StudyError` unless near-duplicates and copies are of this study's images."""
    pairs, copies = found.pairs, found.copies
    if pairs["test_id"].duplicated().any():
        raise StudyError(f"near-duplicates: found a test image twice; expected it once. {_REMEDY}")
    _check_known(pairs["test_id"], answers, "test")
    _check_words(pairs["split"], _LEARN, "partners in")
    _check_words(pairs["kind"], (EXACT, ALIKE), "pairs of kind")
    for table, names in ((pairs, ("id", "split")), (copies, COPY_COLUMNS[:2]),
                         (copies, COPY_COLUMNS[2:])):  # fmt: skip
        for split, part in table.groupby(names[1]):
            _check_words(part[names[1]], (*_LEARN, "test"), "copies in")
            _check_known(part[names[0]], answers, str(split))


def _check_words(found: pd.Series, expected: Sequence[str], what: str) -> None:
    strange = sorted(set(map(str, found)) - set(expected))
    if strange:
        raise StudyError(
            f"near-duplicates: found {what} {', '.join(strange)}; expected "
            f"{' and '.join(expected)} alone. {_REMEDY}"
        )


def _check_known(found: pd.Series, answers: Answers, split: str) -> None:
    strangers = found[~np.isin(found, answers.ids[split])]
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
        check=LikenessCheck(similarity=1.0, images=1, alike=0, nearly=0, test_alike=0),
    )


def claimed_pairs(found: Duplicates, answers: Answers) -> pd.DataFrame:
    """Return the pairs that are said to be near-duplicates, columns `DUPLICATE_COLUMNS`.

    Exact copies always are. Look-alikes are not where the check within train speaks against it, or
    where at least half of them join two classes.
    """
    if _speaks_against(found, answers) is None:
        return found.pairs
    return found.pairs[found.pairs["kind"] == EXACT].reset_index(drop=True)


def _speaks_against(found: Duplicates, answers: Answers) -> str | None:
    """Return why look-alikes are not claimed to be copies; None where nothing speaks against it."""
    if not found.check.tells:
        return "within_train"
    alike = found.pairs[found.pairs["kind"] == ALIKE]
    other = _of_another_class(alike, answers)
    return "between_classes" if other >= _ENOUGH and 2 * other >= len(alike) else None


def _of_another_class(pairs: pd.DataFrame, answers: Answers) -> int:
    table = near_duplicates_table(pairs, answers)
    return int((table["actual"] != table["partner_actual"]).sum())


def duplicates_record(
    found: Duplicates, answers: Answers, names: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Return what ``study.json`` says of copies and look-alikes: counts, and why none is claimed.

    Args:
        found: of the stage `duplicates`.
        answers: of this study.
        names: id -> name of an image, for the copies with two labels; without them, ids stand for
            names.
    """
    pairs = claimed_pairs(found, answers)
    return {
        "exact": int((pairs["kind"] == EXACT).sum()),
        "alike": int((pairs["kind"] == ALIKE).sum()),
        "not_claimed": _speaks_against(found, answers),
        "check": asdict(found.check),
        "conflicts": _conflicts(found.copies, answers, names or {}),
    }


def _conflicts(copies: pd.DataFrame, answers: Answers, names: Mapping[int, str]) -> dict[str, Any]:
    """Name the exact copies among the images to learn from that bear two labels."""
    within = copies[copies["split"].isin(_LEARN) & copies["first_split"].isin(_LEARN)]
    classes = _classes(within["id"], within["split"], answers)
    firsts = _classes(within["first_id"], within["first_split"], answers)
    differing = np.flatnonzero(classes != firsts)
    named = [
        {
            "images": [names.get(int(each), f"image {each}") for each in ids],
            "classes": [str(firsts[place]), str(classes[place])],
        }
        for place in differing[:NAMED_CONFLICTS]
        for ids in [within[["first_id", "id"]].iloc[place].tolist()]
    ]
    return {"n": len(differing), "named": named}


def unique_images(found: Duplicates, answers: Answers) -> NDArray[np.bool_] | None:
    """Return (n,), True for the test images that are in no claimed pair.

    None where look-alikes are not claimed and no exact copy is known: then nobody can tell.
    """
    pairs = claimed_pairs(found, answers)
    if pairs.empty and _speaks_against(found, answers) is not None:
        return None
    return ~np.isin(answers.ids["test"], pairs["test_id"].to_numpy(dtype=np.int64))


def unique_columns(
    runs: Sequence[ScoredRun], unique: NDArray[np.bool_] | None, answers: Answers
) -> pd.DataFrame:
    """Return `test_accuracy_unique` and `n_test_unique`, a row a run.

    The accuracy is the mean over seeds; not a number where every test image has a near-duplicate,
    and neither is where `unique` is None.
    """
    nan = float("nan")
    if unique is None:
        columns = {"test_accuracy_unique": nan, "n_test_unique": nan}
        return pd.DataFrame(columns, index=range(len(runs)))
    n, labels = int(unique.sum()), np.asarray(answers.labels["test"])[unique]
    seeds = [[each["test"][unique] == labels for each in run.predicted] for run in runs]
    values = [float(np.mean(right)) if n else nan for right in seeds]
    return pd.DataFrame({"test_accuracy_unique": values, "n_test_unique": n})


def near_duplicates_table(pairs: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """One row a test image with a near-duplicate, columns `NEAR_DUPLICATE_COLUMNS`."""
    table = pairs.assign(
        actual=_classes(pairs["test_id"], pd.Series("test", index=pairs.index), answers),
        partner_actual=_classes(pairs["id"], pairs["split"], answers),
    )
    return table[list(NEAR_DUPLICATE_COLUMNS)]


def _classes(ids: pd.Series, splits: pd.Series, answers: Answers) -> NDArray[np.object_]:
    """Return the names of the classes of images, by their ids and splits."""
    names, found = np.array(answers.class_names, dtype=object), np.empty(len(ids), dtype=object)
    for split in splits.unique():
        here = (splits == split).to_numpy()
        labels = pd.Series(np.asarray(answers.labels[split]), index=np.asarray(answers.ids[split]))
        found[here] = names[labels.loc[ids[here].to_numpy(dtype=np.int64)].to_numpy()]
    return found
