"""Tables of calibration: overconfident and underconfident runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analyses.calibration.table import (
    CALIBRATION,
    RELIABILITY,
    calibration_table,
    reliability_table,
)
from pipeline.analyses.calibration.temperatures import calibrate
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run


@pytest.fixture
def calibrations(rng):
    labels = made_up_labels(rng, 2000)
    runs = [
        made_up_run("too sure", labels, 0.6, rng, family="deep", sure=5.0),
        made_up_run("unsure", labels, 0.95, rng, sure=0.1),
    ]
    return calibrate(runs, labels, seed=0)


def test_a_row_a_run(calibrations):
    table = calibration_table(calibrations)
    assert tuple(table) == CALIBRATION.names
    assert table["run"].tolist() == ["too sure", "unsure"]
    assert table["probabilities"].tolist() == ["softmax", "sigmoid on validation"]
    assert (table["n"] == 2000).all()


def test_temperatures_go_the_right_way_and_help(calibrations):
    table = calibration_table(calibrations).set_index("run")
    assert table.loc["too sure", "temperature"] > 1.5
    assert table.loc["unsure", "temperature"] < 0.7
    assert table.loc["too sure", "confidence_before"] > table.loc["too sure", "confidence_after"]
    assert table.loc["unsure", "confidence_before"] < table.loc["unsure", "confidence_after"]
    for score in ("ece", "nll", "brier"):
        assert (table[f"{score}_after"] < table[f"{score}_before"]).all()
    for stage in ("before", "after"):
        error = table[f"ece_{stage}"]
        assert ((table[f"ece_{stage}_low"] <= error) & (error <= table[f"ece_{stage}_high"])).all()


def test_a_temperature_changes_no_prediction(calibrations):
    for each in calibrations:
        before, after = each.stages["before"].found, each.stages["after"].found
        assert (before.correct == after.correct).all()
        right = each.run.predicted[0]["test"] == each.run.probabilities["test"].argmax(axis=1)
        assert right.all()


def test_bins_add_up_to_the_runs_error(calibrations):
    table = reliability_table(calibrations)
    assert tuple(table) == RELIABILITY.names
    assert len(table) == 2 * 2 * 15
    expected = calibration_table(calibrations).set_index("run")
    for (run, stage), bins in table.groupby(["run", "stage"]):
        assert bins["n"].sum() == 2000
        assert bins["bin"].tolist() == list(range(1, 16))
        held = bins[bins["n"] > 0]
        assert (held["confidence"] > held["low"]).all()
        assert (held["confidence"] <= held["high"] + 1e-12).all()
        error = ((held["accuracy"] - held["confidence"]).abs() * held["n"]).sum() / 2000
        assert error == pytest.approx(expected.loc[run, f"ece_{stage}"])


def test_the_temperature_is_fitted_without_test_labels(rng):
    labels = made_up_labels(rng)
    run = made_up_run("net", labels, 0.6, rng, family="deep")
    by_split = {**labels.by_split, "test": (labels.test + 1) % 4}
    others = replace(labels, by_split=by_split)
    mine, theirs = (calibrate([run], each, 0)[0] for each in (labels, others))
    assert mine.temperature == theirs.temperature
    assert mine.stages["after"].brier != theirs.stages["after"].brier


def test_no_run_leaves_empty_tables(rng):
    found = calibrate([], made_up_labels(rng), 0)
    assert tuple(calibration_table(found)) == CALIBRATION.names
    assert tuple(reliability_table(found)) == RELIABILITY.names


def test_classes_that_no_probability_was_left_for(rng):
    labels = made_up_labels(rng, 100, 3)
    run = made_up_run("net", labels, 0.5, rng)
    for split, values in run.probabilities.items():
        values[:] = np.eye(3, dtype=np.float32)[run.predicted[0][split]]
    row = calibration_table(calibrate([run], labels, 0)).iloc[0]
    assert np.isfinite(row.drop(["run", "family", "probabilities"]).astype(float)).all()
