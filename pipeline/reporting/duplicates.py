"""Test images that are in the training or validation split as well, or look as if they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.reporting.formats import count, percent, points
from pipeline.storage.results import Results

SMALL = 0.005
"""Half a point: look-alikes that change every accuracy by less stand in their own section alone."""
LEAK = 0.01
"""Share of the test images from which on copies stand in the verdict."""


def near_duplicates(results: Results) -> str | None:
    """Count them, and say what leaving them out changes; None where nobody has looked."""
    if "near_duplicates" not in results.tables:
        return None
    exact, alike = _counts(results)
    unknown = _not_claimed(results.study.get("duplicates"))
    sentences = [_found(results, exact, alike, bool(unknown)), _without(results), unknown]
    return " ".join(filter(None, sentences))


def conflicts(results: Results) -> tuple[str, list[Mapping[str, Any]]] | None:
    """Return a sentence on copies with two labels, and those that are named; None without any."""
    record = results.study.get("duplicates", {}).get("conflicts", {"n": 0})
    n = int(record["n"])
    if not n:
        return None
    images = "1 image" if n == 1 else f"{count(n)} images"
    text = (
        f"{images} of the training and validation splits repeat{'s' * (n == 1)} an earlier one "
        "under another label, to the last pixel; at most one of the two labels can be right."
    )
    return text, list(record["named"])


def leak(results: Results) -> str:
    """Say that test images were learnt from, where they are more than `LEAK` of all; or nothing.

    Look-alikes count only where leaving them out changes an accuracy by `SMALL` or more, or leaves
    no test image.
    """
    if "near_duplicates" not in results.tables:
        return ""
    exact, alike = _counts(results)
    n = _n_test(results)
    weighty = (exact + alike) / n > LEAK and _matters(results)
    if exact / n <= LEAK and not weighty:
        return ""
    return f"{_found(results, exact, alike if weighty else 0, False)}{_without(results, ' ')}"


def _counts(results: Results) -> tuple[int, int]:
    """Return how many test images are exact copies, and how many more look alike."""
    kinds = results.tables["near_duplicates"]["kind"]
    return int((kinds == "exact").sum()), int((kinds == "alike").sum())


def _n_test(results: Results) -> int:
    return int(results.study["dataset"]["sizes"]["test"])


def _found(results: Results, exact: int, alike: int, unknown: bool) -> str:
    """Write how many there are; `unknown` where look-alikes are not claimed."""
    n, learnt = _n_test(results), "of the training or validation split"
    of = f"of {count(n)} test images"
    if not exact and not alike:
        copies = f"None {of.replace('of', 'of the', 1)} is an exact copy of an image {learnt}"
        return f"{copies}." if unknown else f"{copies}, and none looks like one."
    parts = []
    if exact:
        equal = "are exact copies of images" if exact > 1 else "is an exact copy of an image"
        parts.append(f"{count(exact)} {of} ({percent(exact / n)}) {equal} {learnt}")
    if alike:
        looks = "look" if alike > 1 else "looks"
        who = f"{count(alike)} more {looks} like one" if exact else (
            f"{count(alike)} {of} ({percent(alike / n)}) {looks} like an image {learnt}"
        )  # fmt: skip
        parts.append(who)
    return f"{', and '.join(parts)}{_under_another_class(results, alike)}."


def _under_another_class(results: Results, alike: int) -> str:
    table = results.tables["near_duplicates"]
    if not alike:
        table = table[table["kind"] == "exact"]
    n = int((table["actual"].astype(str) != table["partner_actual"].astype(str)).sum())
    return f"; {count(n)} of them under another class" if n else ""


def _not_claimed(record: Mapping[str, Any] | None) -> str:
    """Say why no look-alike is named, where none is."""
    why = None if record is None else record["not_claimed"]
    if why is None or record is None:
        return ""
    check = record["check"]
    if why == "between_classes":
        return (
            f"{count(check['test_alike'])} look like one by the correlation of their details, but "
            "at least half of these pairs join two classes, so nothing is claimed about them."
        )
    if not check["images"]:
        return "Whether others look like one cannot be told, for every training image has a copy."
    return (
        "Whether others are copies cannot be told by their looks: "
        f"{count(check['test_alike'])} look like one by the correlation of their details "
        f"({check['similarity']:g} or more), but of {count(check['images'])} training images "
        f"{count(check['alike'])} look as much alike, and {count(check['nearly'])} nearly as much. "
        "Either such images are alike by nature, or they come in series."
    )


def _changes(results: Results) -> tuple[str, float] | None:
    """Return the run whose accuracy changes most without them, and by how much, if known."""
    accuracy = results.tables["accuracy"]
    if "test_accuracy_unique" not in accuracy or accuracy["test_accuracy_unique"].isna().all():
        return None
    change = accuracy["test_accuracy_unique"] - accuracy["test_accuracy"]
    place = int(np.abs(change.to_numpy()).argmax())
    return str(accuracy["run"].iloc[place]), float(change.iloc[place])


def _matters(results: Results) -> bool:
    found = _changes(results)
    return found is None or abs(found[1]) >= SMALL


def _without(results: Results, before: str = "") -> str:
    found, n = _changes(results), sum(_counts(results))
    if not n or (found is None and n < _n_test(results)):
        return ""
    if found is None:
        return f"{before}No test image is left without them."
    largest, moved = found
    if abs(moved) < SMALL:
        return (
            f"{before}Without them no accuracy changes by more than {points(abs(moved))} points "
            f"({largest})."
        )
    return (
        f"{before}Without them the accuracy of {largest} changes by {points(moved)} points, the "
        "largest change of all runs."
    )
