"""What is said of test images with a near-duplicate in train or validation, where it matters."""

from __future__ import annotations

import numpy as np

from pipeline.page.formats import count, percent, points
from pipeline.page.study import StudyResults

SMALL = 0.005
"""Half a point: look-alikes that change every accuracy by less are mentioned in their section
alone."""
LEAK = 0.01
"""Copies of more than this share of the test images are a caution."""


def leak(study: StudyResults) -> str:
    """Say that test images leak where they are more than `LEAK` of all; else nothing.

    Look-alikes count only if leaving them out changes an accuracy by `SMALL` or more, or leaves
    no test image.
    """
    if "near_duplicates" not in study.tables:
        return ""
    exact, alike = counts(study)
    n = _n_test(study)
    weighty = (exact + alike) / n > LEAK and _matters(study)
    if exact / n <= LEAK and not weighty:
        return ""
    return " ".join(
        filter(
            None,
            (found_sentence(study, exact, alike if weighty else 0, False), without_sentence(study)),
        )
    )


def counts(study: StudyResults) -> tuple[int, int]:
    """Return how many test images are exact copies, and how many more look alike."""
    kinds = study.tables["near_duplicates"]["kind"]
    return int((kinds == "exact").sum()), int((kinds == "alike").sum())


def _n_test(study: StudyResults) -> int:
    return int(study.dataset["sizes"]["test"])


def found_sentence(study: StudyResults, exact: int, alike: int, unknown: bool) -> str:
    """Write how many there are; `unknown` where look-alikes are not claimed."""
    n, where = _n_test(study), "another fold" if study.folds else "train or validation"
    of = f"of {count(n)} test images"
    if not exact and not alike:
        if unknown:
            return f"None {of} is an exact copy of an image in {where}."
        return f"None {of} has a near-duplicate in {where}."
    parts = []
    if exact:
        equal = "are exact copies of images" if exact > 1 else "is an exact copy of an image"
        parts.append(f"{count(exact)} {of} ({percent(exact / n)}) {equal} in {where}")
    if alike and exact:
        parts.append(f"{count(alike)} more {'look' if alike > 1 else 'looks'} like one")
    elif alike:
        looks = "look" if alike > 1 else "looks"
        parts.append(f"{count(alike)} {of} ({percent(alike / n)}) {looks} like an image in {where}")
    return f"{', and '.join(parts)}{_with_another_label(study, alike)}."


def _with_another_label(study: StudyResults, alike: int) -> str:
    table = study.tables["near_duplicates"]
    if not alike:
        table = table[table["kind"] == "exact"]
    n = int((table["actual"].astype(str) != table["partner_actual"].astype(str)).sum())
    return f"; {count(n)} of them with another label" if n else ""


def _changes(study: StudyResults) -> tuple[str, float] | None:
    """Return the run whose accuracy changes most without them, and by how much, if known."""
    accuracy = study.tables["accuracy"]
    if "test_accuracy_unique" not in accuracy or accuracy["test_accuracy_unique"].isna().all():
        return None
    change = accuracy["test_accuracy_unique"] - accuracy["test_accuracy"]
    place = int(np.abs(change.to_numpy()).argmax())
    return str(accuracy["run"].iloc[place]), float(change.iloc[place])


def _matters(study: StudyResults) -> bool:
    found = _changes(study)
    return found is None or abs(found[1]) >= SMALL


def without_sentence(study: StudyResults) -> str:
    """Say what leaving them out changes; empty where there are none, or where it is not known."""
    found, n = _changes(study), sum(counts(study))
    if not n or (found is None and n < _n_test(study)):
        return ""
    if found is None:
        return "Without them, no test image is left."
    largest, moved = found
    if abs(moved) < SMALL:
        return (
            f"Without them, no accuracy changes by more than {points(abs(moved))} points "
            f"({largest})."
        )
    return (
        f"Without them, the accuracy of {largest} changes by {points(moved)} points, the largest "
        "change of any run."
    )
