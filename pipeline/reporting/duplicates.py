"""Test images that are in the training or validation split as well, or nearly so."""

from __future__ import annotations

import numpy as np

from pipeline.reporting.formats import count, points
from pipeline.results import Results

SMALL = 0.005
"""Half a point: a change of accuracy below it is called none that decides anything."""


def near_duplicates(results: Results) -> str | None:
    """Count them, and say what leaving them out changes; None where nobody has looked."""
    table = results.tables.get("near_duplicates")
    if table is None:
        return None
    n_test = int(results.study["dataset"]["sizes"]["test"])
    found = int(table["test_id"].nunique())
    if not found:
        return f"None of the {count(n_test)} test images has a near-duplicate among the others."
    differing = table[table["actual"].astype(str) != table["partner_actual"].astype(str)]
    other = int(differing["test_id"].nunique())
    text = (
        f"{count(found)} of {count(n_test)} test images hold the same photograph as an image of "
        f"the training or validation split, {count(other)} of them under another class."
    )
    return f"{text}{_without(results)}"


def _without(results: Results) -> str:
    accuracy = results.tables["accuracy"]
    if "test_accuracy_unique" not in accuracy or accuracy["test_accuracy_unique"].isna().all():
        return ""
    change = accuracy["test_accuracy_unique"] - accuracy["test_accuracy"]
    place = int(np.abs(change.to_numpy()).argmax())
    largest, moved = str(accuracy["run"].iloc[place]), float(change.iloc[place])
    if abs(moved) < SMALL:
        return (
            f" Without them no accuracy changes by more than {points(abs(moved))} points "
            f"({largest}), so that they decide nothing."
        )
    return (
        f" Without them the accuracy of {largest} changes by {points(moved)} points, more than "
        "that of any other run."
    )
