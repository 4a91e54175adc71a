"""The stage `corrupt` as a whole, and what `evaluate` tells of the scores that it leaves."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_study import NO_SIZES, PARAMS, write_params

import stages
from pipeline.analyses.tables import load_results
from pipeline.commands.predict import open_run
from pipeline.robustness.corruptions import CORRUPTIONS
from pipeline.robustness.corruptions import corrupt as corrupted
from pipeline.storage.corrupted import CORRUPTED, load_corrupted
from pipeline.storage.files import save_json
from pipeline.storage.paths import STUDY
from pipeline.storage.runs import load_card, load_predictions, model_file, save_run_task, seal_run
from pipeline.storage.splits import PREPARED, load_ids, load_images, load_labels, load_task
from stages import (
    check,
    corrupt,
    duplicates,
    evaluate,
    featurize,
    fetch,
    health,
    index,
    prepare,
    train_classical,
)

RUN = "hog_svm"
REMEDY = f"dvc repro corrupt@{RUN}"


def study_params(**options) -> dict:
    params = {**copy.deepcopy(PARAMS), "deep": {}, "corrupt": {RUN: options}}
    params["features"] = {"hog": params["features"]["hog"]}
    params["classical"] = {RUN: params["classical"][RUN]}
    params |= {"sample_size": NO_SIZES, "ablations": {}}
    return params


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run on 100 test images, held against 30 of them, all corruptions at two severities."""
    folder = tmp_path_factory.mktemp("corrupt")
    write_params(folder, study_params(limit=30, severities=[1, 5]))
    (folder / "data" / "incoming").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for main in (check.main, fetch.main, prepare.main, duplicates.main, health.main):
            main()
        featurize.main("hog")
        index.main()
        train_classical.main(RUN)
        shutil.move(PREPARED / "labels", folder / "labels")  # it reads none
        corrupt.main(RUN)
        shutil.move(folder / "labels", PREPARED / "labels")
    return folder


@pytest.fixture
def study(finished, tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


def stored_scores(ids):
    """Scores that the training left, of images by id."""
    predictions = load_predictions(RUN, 0, "")
    rows = [list(predictions.ids["test"]).index(each) for each in ids]
    return predictions.scores["test"][rows]


@pytest.mark.usefixtures("study")
def test_it_scores_the_images_as_they_are_and_corrupted():
    found = load_corrupted(RUN, REMEDY)
    assert found.card.corruptions == tuple(CORRUPTIONS)
    assert (found.card.severities, found.card.seed, found.card.study_seed) == ((1, 5), 0, 0)
    assert set(found.card.missing) == {"frost", "snow", "spatter"}
    assert len(np.unique(found.ids)) == 30
    np.testing.assert_allclose(found.clean, stored_scores(found.ids), rtol=1e-4, atol=1e-4)
    model = open_run(RUN)
    order = np.isin(load_ids("test"), found.ids)
    images = np.asarray(load_images("test")[order])
    for name in ("motion_blur", "shot_noise"):
        expected = model.scores(corrupted(name, images, 5, found.ids, 0))
        np.testing.assert_allclose(found.corrupted[name][1], expected, rtol=1e-4, atol=1e-4)
    assert all(values.shape == (2, 30, 10) for values in found.corrupted.values())


@pytest.mark.usefixtures("study")
def test_a_larger_limit_keeps_the_images_and_their_scores():
    before = load_corrupted(RUN, REMEDY)
    write_params(Path(), study_params(limit=50, corruptions=["fog", "pixelate"], severities=[5]))
    corrupt.main(RUN)
    after = load_corrupted(RUN, REMEDY)
    assert set(before.ids) < set(after.ids)
    assert list(after.corrupted) == ["fog", "pixelate"]
    rows = np.isin(after.ids, before.ids)
    found, expected = after.corrupted["fog"][0, rows], before.corrupted["fog"][1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("study")
def test_evaluate_tells_of_it():
    evaluate.main()
    results = load_results()
    table = results.tables["corruption"]
    assert len(table) == 1 + 2 * len(CORRUPTIONS)
    measured = load_corrupted(RUN, REMEDY)
    label = dict(zip(load_ids("test"), load_labels("test"), strict=True))
    labels = np.array([label[each] for each in measured.ids])
    rows = table.set_index(["corruption", "severity"])["accuracy"]
    assert rows["none", 0] == pytest.approx((measured.clean.argmax(1) == labels).mean())
    right = measured.corrupted["contrast"][1].argmax(1) == labels
    assert rows["contrast", 5] == pytest.approx(right.mean())
    reported = results.study["corruption"]["runs"][RUN]
    under = table.loc[table["corruption"] != "none", "accuracy"]
    assert reported["corrupted_accuracy"] == pytest.approx(under.mean())
    assert set(results.study["corruption"]["missing"]) == {"frost", "snow", "spatter"}


def fails(main, capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as stopped:
        stages.run(main, *arguments)
    assert stopped.value.code == 1
    reported = capsys.readouterr().err
    assert "Traceback" not in reported
    return " ".join(reported.split())


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: shutil.rmtree(CORRUPTED), f"there is no {CORRUPTED}/{RUN}/card.json"),
        (
            lambda: (CORRUPTED / RUN / "scores.npz").unlink(),
            f"there is no {CORRUPTED}/{RUN}/scores.npz",
        ),
        (
            lambda: write_params(Path(), study_params(limit=31, severities=[1, 5])),
            "images: found 30; expected 31",
        ),
        (
            lambda: write_params(Path(), study_params(limit=30)),
            "severities: found 1, 5; expected 1, 2, 3, 4, 5",
        ),
    ],
)
def test_what_evaluate_says_of_scores_that_do_not_fit(damage, message, capsys):
    damage()
    reported = fails(evaluate.main, capsys)
    assert message in reported
    assert REMEDY in reported
    assert not STUDY.exists()


@pytest.mark.usefixtures("study")
def test_what_the_stage_says(capsys):
    reported = fails(corrupt.main, capsys, "hog_svn")
    assert "'hog_svn'; did you mean 'hog_svm'" in reported
    path = model_file(RUN, 0, "classical")
    path.write_bytes(b"no model")
    reported = fails(corrupt.main, capsys, RUN)
    assert f"{path}: found 8 bytes; expected" in reported
    assert f"dvc repro train_classical@{RUN}" in reported
    path.unlink()
    assert f"there is no {path}; create it with" in fails(corrupt.main, capsys, RUN)
    write_params(Path(), study_params(corruptions=["fogg"]))
    reported = fails(check.main, capsys)
    assert f"corrupt.{RUN}" in reported
    assert "did you mean 'fog'" in reported


@pytest.mark.usefixtures("study")
def test_a_classical_run_imports_no_network(root):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        f"from stages import corrupt; corrupt.main({RUN!r})\n"
        "print([m for m in ('tensorflow', 'keras', 'jax', 'torch') if m in sys.modules])"
    )
    write_params(Path(), study_params(limit=5, corruptions=["contrast"]))
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.strip().splitlines()
    assert lines[-1] == "[]"
    assert lines[-2].startswith(f"{RUN}, corrupted: 30 of 30 images")


@pytest.mark.usefixtures("study")
def test_a_network_scores_from_its_stored_model():
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3), dtype="uint8")
    values = keras.layers.Rescaling(1 / 255)(inputs)
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(values))
    model = keras.Model(inputs, outputs)
    params = study_params()
    params["deep"] = {"net": {"method": "lenet5", "seeds": [4, 5]}}
    params["corrupt"] = {"net": {"limit": 7, "corruptions": ["brightness"], "severities": [2]}}
    write_params(Path(), params)
    path = model_file("net", 4, "deep")
    path.parent.mkdir(parents=True)
    model.save(path)
    card = load_card(RUN, 0, "")
    card = dataclasses.replace(card, run="net", family="deep", seed=4)
    save_json(path.parent / "card.json", card)
    save_run_task("net", 4, load_task())
    seal_run("net", 4, "")
    corrupt.main("net")
    found = load_corrupted("net", "")
    assert found.card.seed == 4
    images = np.asarray(load_images("test"))[np.isin(load_ids("test"), found.ids)]
    bright = corrupted("brightness", images, 2, found.ids, 0)
    np.testing.assert_allclose(found.clean, np.asarray(model(images)), atol=1e-5)
    np.testing.assert_allclose(
        found.corrupted["brightness"][0], np.asarray(model(bright)), atol=1e-5
    )
    assert json.loads((CORRUPTED / "net" / "card.json").read_text())["corruptions"] == [
        "brightness"
    ]
