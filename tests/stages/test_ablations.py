"""The stage `ablations` as a whole, on small images, and what the report says of it."""

from __future__ import annotations

import copy
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import NO_SIZES, PARAMS, write_params

from pipeline.analyses.tables import load_results
from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.page.page import page
from pipeline.page.study import StudyResults
from pipeline.storage.ablations import ABLATIONS, load_ablation
from pipeline.storage.paths import CODE
from pipeline.storage.runs import DIVERGED
from pipeline.storage.splits import PREPARED, learning_seal, load_labels
from pipeline.trainings.lessons import Lesson
from pipeline.trainings.training import SCORED, Outcome, Training
from stages import (
    ablations,
    check,
    duplicates,
    evaluate,
    featurize,
    fetch,
    health,
    index,
    prepare,
    train_classical,
)

FACTORS = {
    "cells": {
        "base": "hog_svm",
        "vary": "features.hog.cell",
        "values": [8, 16],
        "repeats": 2,
        "limit": 100,
        "claims": [
            {"claim": "Small cells are better.", "better": 8, "than": 16},
            {"claim": "Small cells take no longer.", "better": 8, "than": 16, "in": "seconds"},
        ],
    },
    "rates": {
        "base": "lenet5",
        "vary": "learning_rate",
        "values": {"right": 0.01, "too high": 1.0e10},
        "set": {"optimizer": "sgd", "width": 0.3, "epochs": 2, "batch_size": 32},
        "repeats": 2,
        "limit": 48,
        "classes": 3,
        "target": 0.34,
        "claims": [{"claim": "Too high a rate diverges.", "better": "right", "than": "too high"}],
    },
    "kernel": {
        "base": "hog_svm",
        "values": {"linear": {}, "kernel": {"run": "kernel_svm"}},
        "tune": {"C": [0.001, 1.0]},
        "repeats": 1,
        "limit": 100,
    },
}


def study_params() -> dict:
    params = copy.deepcopy(PARAMS) | {"corrupt": {}, "sample_size": NO_SIZES}
    params["ablations"] = copy.deepcopy(FACTORS)
    params["features"] = {"hog": params["features"]["hog"]}
    params["classical"] = {
        "hog_svm": params["classical"]["hog_svm"],
        "kernel_svm": {"method": "rbf_svm", "features": ["hog"], "gamma": 0.01},
    }
    return params


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """All ablations, made without the labels of the test split."""
    folder = tmp_path_factory.mktemp("ablations")
    write_params(folder, study_params())
    (folder / "data" / "incoming").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for main in (check.main, fetch.main, prepare.main, duplicates.main, health.main):
            main()
        featurize.main("hog")
        index.main()
        hidden = folder / "test.npy"
        shutil.move(PREPARED / "labels" / "test.npy", hidden)
        for name in FACTORS:
            ablations.main(name)
        shutil.move(hidden, PREPARED / "labels" / "test.npy")
    return folder


@pytest.fixture
def study(finished, tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


def loaded(name):
    return load_ablation(name, "", learning_seal())


@pytest.mark.usefixtures("study")
def test_each_value_is_trained_as_often_with_its_own_seeds():
    for name, entry in FACTORS.items():
        card = loaded(name).card
        labels = [value.label for value in card.values]
        expected = [(label, repeat) for label in labels for repeat in range(entry["repeats"])]
        assert [(each.label, each.repeat) for each in card.trainings] == expected
        assert {each.seed for each in card.trainings} == set(range(entry["repeats"]))
        assert {each.images for each in card.trainings} == {entry["limit"]}
    assert [each.family for each in loaded("kernel").card.values] == ["classical"] * 2


@pytest.mark.usefixtures("study")
def test_a_training_that_diverges_is_a_result():
    found = loaded("rates")
    broken = [each for each in found.card.trainings if each.diverged]
    assert {each.label for each in broken} == {"too high"}
    assert "Training diverged" in broken[0].diverged
    assert (found.predicted[1] == DIVERGED).all()
    assert set(np.unique(found.predicted[0])) <= {0, 1, 2}


@pytest.mark.usefixtures("study")
def test_options_are_chosen_anew_for_each_value(capsys):
    values = {value.label: value for value in loaded("kernel").card.values}
    assert all(value.tried == 2 and value.tuned["C"] in (0.001, 1) for value in values.values())


@pytest.mark.parametrize(("common", "merit"), [(3, 0.75), (6, 0.5)], ids=["equal", "unequal"])
def test_options_are_chosen_by_what_all_choices_go_by(monkeypatch, common, merit):
    """Here by a training that always predicts the first of two classes."""
    labels = {"train": np.repeat([0, 1], [common, 2]), "validation": np.array([0, 0, 0, 1])}
    monkeypatch.setattr(ablations, "lesson", lambda training: Lesson({}, labels, 2))
    scores = {split: np.tile(np.float32([1, 0]), (4, 1)) for split in SCORED}
    outcome = Outcome(scores, pd.DataFrame(), 1.0)
    training = Training(registry.parse("classical", study_params()["classical"]["hog_svm"], ""), 0)
    assert ablations._merit(training, outcome) == merit
    assert ablations._merit(training, replace(outcome, diverged="the loss is nan")) == -1


@pytest.mark.usefixtures("study")
def test_an_edit_to_one_value_trains_that_value_alone(capsys):
    params = study_params()
    params["ablations"]["cells"]["values"] = [8, 16, 12]
    params["ablations"]["cells"]["claims"][0]["claim"] = "Another sentence."
    write_params(Path(), params)
    ablations.main("cells")
    lines = capsys.readouterr().out.splitlines()
    told = re.compile(r"cells: (\d+), training \d of 2(: already trained)?")
    trained = {told.match(line)[1] for line in lines if told.match(line) and "already" not in line}
    assert trained == {"12"}


@pytest.mark.usefixtures("study")
def test_evaluate_and_the_page_say_what_was_found():
    for name in ("hog_svm", "kernel_svm"):
        train_classical.main(name)
    params = study_params()
    params["deep"] = {}
    factors = params["ablations"]
    params["ablations"] = {name: factors[name] for name in ("cells", "kernel")}
    write_params(Path(), params)
    evaluate.main()
    results = load_results()
    values, claims = (results.tables[name] for name in ("ablations", "ablation_claims"))
    assert list(values["value"]) == ["8", "16", "linear", "kernel"]
    found, labels = loaded("cells"), load_labels("test")
    accuracy = (found.predicted == labels).mean(axis=(1, 2))
    np.testing.assert_allclose(values["test_accuracy"][:2], accuracy)
    assert list(values["reference"]) == [False, True, True, False]
    assert set(claims["verdict"]) <= {"confirmed", "refuted", "not separated"}
    text = page(StudyResults(results, params))
    assert "Small cells are better." in text
    assert 'id="ablation-cells"' in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 10**6}, r"ablations\.cells, 8: limit: found 1,000,000; expected at most"),
        ({"classes": 40}, r"ablations\.cells\.classes: found 40; expected at most the 10"),
        ({"classes": ["cofee", "moon"]}, r"class of params\.yaml: ablations\.cells\.classes"),
        ({"limit": 2}, "no image of"),
    ],
)
@pytest.mark.usefixtures("study")
def test_what_the_images_do_not_allow_is_said(changes, message):
    params = study_params()
    params["ablations"]["cells"] |= changes
    write_params(Path(), params)
    with pytest.raises(StudyError, match=message):
        ablations.main("cells")


def test_check_knows_how_many_images_there_are_before_the_download(study_folder):
    params = study_params()
    params["dataset"] = {"name": "cifar10", "path": "data/incoming", "validation": 5000}
    params["ablations"]["rates"]["limit"] = 45_001
    write_params(study_folder, params)
    (study_folder / "data" / "incoming").mkdir(parents=True)
    with pytest.raises(StudyError, match=r"rates, right: limit: found 45,001; .* the 45,000"):
        check.main()


@pytest.mark.usefixtures("study")
def test_what_was_changed_is_refused():
    (ABLATIONS / "cells" / "curves.csv").write_text("label\n")
    with pytest.raises(StudyError, match=r"curves\.csv"):
        loaded("cells")


@pytest.mark.usefixtures("study")
def test_an_ablation_depends_on_the_code_of_its_methods_alone():
    recorded = {name: (CODE / f"ablations.{name}.json").read_text() for name in FACTORS}
    assert "pipeline.features.hog.hog" in recorded["cells"]
    assert "architectures.lenet5" not in recorded["cells"]
    assert "architectures.lenet5" in recorded["rates"]
    assert "classical.rbf_svm" in recorded["kernel"]
