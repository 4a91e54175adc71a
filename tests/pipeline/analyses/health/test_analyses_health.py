"""From facts and predictions of the control to rows and sentences."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.health.flags import flagged
from pipeline.analyses.health.shortcut import shortcut_rows
from pipeline.analyses.health.view import GIVES_AWAY, _finding
from pipeline.analyses.labels import Labels
from pipeline.checks import StudyError

TRAIN = np.array([0] * 60 + [1] * 40)
TEST = np.array([0] * 120 + [1] * 80)
LABELS = Labels(
    ("cat", "dog"),
    {"train": TRAIN, "validation": TRAIN, "test": TEST},
    {"train": np.arange(100), "validation": np.arange(100, 200), "test": np.arange(200, 400)},
)


def control(wrong):
    """A control that knows all test images but `wrong` of them."""
    predicted = TEST.copy()
    predicted[:wrong] = 1 - predicted[:wrong]
    return pd.DataFrame({"id": LABELS.test_ids, "facts": "format", "predicted": predicted})


def test_a_control_that_knows_the_class_is_a_caution():
    (row,) = shortcut_rows(control(10), LABELS).to_dict("records")
    assert row["accuracy"] == 0.95
    assert row["floor"] == 0.6  # always cat
    assert row["p_value"] < 1e-9
    finding, caution = _finding([row])
    assert caution == finding
    assert caution.startswith("The files alone give the class away")
    assert "knows only format classifies 95.0% of the test images correctly" in caution


def test_a_control_that_knows_little_is_not_said_to_know_the_class():
    _, caution = _finding(shortcut_rows(control(50), LABELS).to_dict("records"))
    assert caution.startswith("The files alone say something about the class")


def test_the_brightness_of_images_without_files_is_no_caution():
    rows = shortcut_rows(control(10).assign(facts="mean brightness"), LABELS).to_dict("records")
    finding, caution = _finding(rows)
    assert caution == ""
    assert finding.startswith("A control that knows only mean brightness classifies 95.0%")
    _, caution = _finding([*rows, {**rows[0], "facts": "format", "accuracy": 0.6}])
    assert "knows only mean brightness" in caution


def test_a_control_at_the_floor_is_none():
    (row,) = shortcut_rows(control(80), LABELS).to_dict("records")
    assert row["accuracy"] == row["floor"]
    finding, caution = _finding([row])
    assert caution == ""
    assert "The difference is not significant." in finding


def test_a_significant_but_tiny_advantage_is_no_caution():
    row = {"facts": "format", "accuracy": 0.6 + GIVES_AWAY - 0.01, "floor": 0.6, "ci_low": 0.62,
           "ci_high": 0.66, "p_value": 1e-6}  # fmt: skip
    finding, caution = _finding([row])
    assert caution == ""
    assert "significant, but small" in finding


def test_with_folds_what_holds_in_one_of_them_is_weak_evidence():
    """A control at the floor in nine folds, and always right in the tenth."""
    folds = np.arange(200) % 10
    predicted = np.where(folds == 0, TEST, 0)
    table = pd.DataFrame({"id": LABELS.test_ids, "facts": "format", "predicted": predicted})
    (pooled,) = shortcut_rows(table, LABELS).to_dict("records")
    (corrected,) = shortcut_rows(table, replace(LABELS, folds=folds)).to_dict("records")
    assert pooled["p_value"] < 0.01
    assert corrected["p_value"] > 0.1
    assert corrected["accuracy"] == pooled["accuracy"]
    assert corrected["ci_low"] <= pooled["ci_low"] < pooled["ci_high"] <= corrected["ci_high"]


def test_predictions_of_other_images_are_refused():
    with pytest.raises(StudyError, match=r"control on format: found 199 images.*dvc repro health"):
        shortcut_rows(control(0)[1:], LABELS)


def test_each_image_is_flagged_for_one_reason():
    facts = pd.DataFrame(
        {
            "brightness": [120, 10, 250, 0, 120, 20],
            "contrast": [60, 20, 20, 0, 30, 70],
            "sharpness": [900, 500, 800, 0, 5, 900],  # the last is white writing on black
        }
    )
    found = {kind: np.flatnonzero(which).tolist() for kind, which in flagged(facts).items()}
    assert found == {"dark": [1], "bright": [2], "blank": [3], "blurred": [4]}
