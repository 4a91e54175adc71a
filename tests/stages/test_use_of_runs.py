"""What a run of each family is used for: `make predict` and `make export`."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from in_process import learn
from PIL import Image

from pipeline.commands import classified, export, prediction_report
from pipeline.commands.novelty import (
    KEPT,
    NoveltyDetector,
    fit_novelty_detector,
    fitted_temperature,
)
from pipeline.commands.own_features import feature_function
from pipeline.commands.predict import SOME_UNREAD, main, open_run
from pipeline.resizing import resize
from pipeline.statistics.temperature import fit_temperature, log_probabilities
from pipeline.storage.runs import load_predictions
from pipeline.storage.splits import load_ids, load_image_index, load_images, load_labels

pytestmark = pytest.mark.slow

CLASSES = ("cat", "dog", "owl")
SIZES = {"train": 45, "validation": 45, "test": 30}
VGG = {"weights": "random", "image_size": 32, "layers": ["block1_pool"]}
PARAMS = {
    "seed": 0,
    "dataset": {"name": "image_folder", "path": "data/incoming/mine", "size": 40},
    "features": {
        "color": {"method": "color_histogram", "grid": 1, "bins": 8},
        "vgg": {"method": "pretrained", **VGG},
    },
    "classical": {
        "color_svm": {"method": "linear_svm", "features": ["color"]},
        "vgg_svm": {"method": "linear_svm", "features": ["vgg"]},
    },
    "deep": {
        "lenet5": {"method": "lenet5", "epochs": 2, "batch_size": 15},
        "transfer": {"method": "transfer", **VGG, "hidden": 0, "epochs": 2},
    },
    "corrupt": {},
    "not_run": {},
}
FAMILIES = {"color_svm": "classical", "vgg_svm": "hybrid", "lenet5": "deep", "transfer": "deep"}


def draw(path: Path, label: int, rng: np.random.Generator) -> None:
    """Store a smooth picture whose tint tells its class."""
    coarse = rng.integers(0, 90, (4, 4, 3)).astype(np.uint8)
    coarse[..., label] += 120
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((40, 32), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("predicted"), np.random.default_rng(0)
    for split, size in SIZES.items():
        for number in range(size):
            place = folder / PARAMS["dataset"]["path"] / split / CLASSES[number % 3]
            draw(place / f"{number}.png", number % 3, rng)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        learn(PARAMS)
    return folder


@pytest.fixture
def study(finished, monkeypatch) -> Path:
    monkeypatch.chdir(finished)
    return finished


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", FAMILIES)
def test_classes_and_probabilities_are_those_of_the_study(study, name, tmp_path):
    source = Path(PARAMS["dataset"]["path"]) / "test"
    assert main([name, str(source), "--csv", str(tmp_path / "found.csv")]) == 0
    found = {f"test/{row['file']}": row for row in read(tmp_path / "found.csv")}
    index = load_image_index().set_index("id")
    stored, ids = load_predictions(name, 0, ""), load_ids("test")
    assert len(found) == len(ids) == SIZES["test"]
    probabilities = stored.probabilities["test"]
    if FAMILIES[name] == "deep":
        labels = load_labels("validation")
        temperature = fit_temperature(stored.probabilities["validation"], labels)
        assert temperature != 1
        probabilities = np.exp(log_probabilities(probabilities, temperature))
    for row, image in enumerate(ids):
        line = found[index.loc[image, "name"]]
        first, second = np.argsort(-stored.scores["test"][row], kind="stable")[:2]
        assert (line["class"], line["runner_up"]) == (CLASSES[first], CLASSES[second])
        assert float(line["probability"]) == pytest.approx(probabilities[row, first], abs=2e-4)
        runner_up = float(line["runner_up_probability"])
        assert runner_up == pytest.approx(probabilities[row, second], abs=2e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_images_of_another_kind_are_flagged_and_those_of_the_same_kind_are_not(study, name):
    run = open_run(name)
    see = feature_function(run)
    detector = fit_novelty_detector(run.card, see, "")
    assert detector.flagged <= 0.1
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (40, 40, 40, 3), dtype=np.uint8)
    grid = np.zeros((40, 40, 40, 3), np.uint8)
    for number, image in enumerate(grid):
        image[number % 3 :: 3] = 255

    def flagged(images):
        scores, probabilities, features = see(images)
        np.testing.assert_allclose(scores, run.scores(images), atol=1e-5)
        np.testing.assert_allclose(probabilities, run.probabilities(images), atol=1e-5)
        flags = detector.flags(images, detector.calibrated(probabilities), features)
        return np.any([*flags.values()], axis=0).mean()

    assert flagged(noise) > 0.9
    assert flagged(grid) > 0.9
    assert flagged(np.asarray(load_images("test"))) < 0.25


def test_features_of_the_images_to_compare_with_are_kept(study):
    run = open_run("vgg_svm")
    shutil.rmtree(KEPT, ignore_errors=True)
    first = fit_novelty_detector(run.card, feature_function(run), "")

    def never(images):
        raise AssertionError("computed again")

    again = fit_novelty_detector(run.card, never, "")
    assert (again.least_sure, again.flagged) == (first.least_sure, first.flagged)
    (path,) = KEPT.glob("vgg_svm-*.npz")
    path.write_bytes(path.read_bytes()[:100])
    assert (
        fit_novelty_detector(run.card, feature_function(run), "").near_features.limit
        == first.near_features.limit
    )


def test_files_without_an_image_are_named_counted_and_change_the_exit_status(
    study, tmp_path, capsys
):
    rng = np.random.default_rng(2)
    folder = tmp_path / "mixed"
    draw(folder / "deep" / "猫.png", 0, rng)
    draw(folder / "b.png", 1, rng)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    (folder / "notes.txt").write_text("a text\n", encoding="utf-8")
    (folder / ".DS_Store").write_bytes(b"\0")
    assert main(["color_svm", str(folder)]) == SOME_UNREAD
    shown = capsys.readouterr()
    assert "1 of 3 files cannot be read:\n  broken.jpg (" in shown.err
    assert "1 of kind text file" in shown.out
    lines = shown.out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["b.png", "dog"], ["deep/猫.png", "cat"]]
    assert lines[1].index("dog") == lines[2].index("cat") + 1, "a wide character takes two cells"
    (folder / "b.png").unlink()
    shutil.rmtree(folder / "deep")
    assert main(["color_svm", str(folder)]) == SOME_UNREAD
    (folder / "broken.jpg").unlink()
    assert main(["color_svm", str(folder)]) == 1
    assert "found no images (1 of kind text file)" in capsys.readouterr().err
    assert main(["color_svm", "nowhere.png"]) == 1
    assert "there is no nowhere.png" in capsys.readouterr().err


def test_many_images_in_an_archive_are_summed_up_and_written(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(prediction_report, "SHOWN", 10)
    monkeypatch.setattr(classified, "BATCH_BYTES", 7 * 40 * 40 * 3)
    source = Path(PARAMS["dataset"]["path"]) / "test"
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in sorted(source.rglob("*.png")):
            stream.write(path, path.relative_to(source))
        stream.writestr("broken.png", b"\x89PNG\r\n\x1a\n")
        stream.writestr("unsupported.heic", b"\0\0\0\x18ftypheic")
    assert main(["color_svm", str(archive)]) == SOME_UNREAD
    shown = capsys.readouterr().out
    assert "All predictions: predictions/color_svm.csv" in shown
    rows = read(Path("predictions/color_svm.csv"))
    assert len(rows) == SIZES["test"] + 2
    assert sum(bool(row["problem"]) for row in rows) == 2
    images = [row for row in rows if not row["problem"]]
    assert {row["class"] for row in images} == set(CLASSES)
    for name in CLASSES:
        (line,) = [line.split() for line in shown.splitlines() if line.startswith(name)]
        assert int(line[1]) == sum(row["class"] == name for row in images)
        of_class = [row for row in images if row["class"] == name]
        assert int(line[3]) == sum(bool(row["unlike"]) for row in of_class)


def test_a_run_without_its_study_says_what_it_cannot_do(study, tmp_path, capsys, monkeypatch):
    shutil.copytree("runs/lenet5", tmp_path / "copy" / "runs" / "lenet5")
    draw(tmp_path / "a.png", 1, np.random.default_rng(3))
    monkeypatch.chdir(tmp_path)
    assert main(["lenet5", "a.png", "--folder", "copy"]) == 0
    shown = capsys.readouterr().out
    assert "not calibrated" in shown
    assert "images are not compared" in shown


# --- ONNX ----------------------------------------------------------------------------------------

EXPORTED = {"vgg_svm": 32, "lenet5": 40, "transfer": 32}
"""Runs, and the side of the images that their networks get; 40 pixels are stored."""


@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_run_gives_the_scores_and_probabilities_of_the_pipeline(
    study, name, tmp_path, capsys
):
    assert export.main([name, "--to", str(tmp_path)]) == 0
    assert "100.0% have the class of the stored predictions" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["class_names"]) == list(CLASSES)
    assert json.loads(about["image_size"]) == [EXPORTED[name]] * 2
    assert (about["fit"], about["channel_order"]) == ("crop", "RGB")
    images = np.asarray(load_images("test"))
    seen = np.stack([resize(each, EXPORTED[name]) for each in images])
    scores, shares = session.run(["scores", "probabilities"], {"pixels": seen})
    stored = load_predictions(name, 0, "")
    np.testing.assert_allclose(scores, stored.scores["test"], atol=export.TOLERANCE)
    run = open_run(name)
    expected = NoveltyDetector(fitted_temperature(run.card, "")).calibrated(
        run.probabilities(images)
    )
    np.testing.assert_allclose(shares, expected, atol=export.TOLERANCE)


def test_the_example_beside_a_model_runs_without_this_project(study, tmp_path):
    export.export_run("vgg_svm", target=tmp_path / "made")
    draw(tmp_path / "a.png", 2, np.random.default_rng(4))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "made" / "predict_onnx.py"), "a.png"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("a.png: owl (")
    assert "pipeline." not in (tmp_path / "made" / "predict_onnx.py").read_text()


def test_a_model_with_other_scores_is_not_written(study, tmp_path, capsys, monkeypatch):
    run = open_run("vgg_svm")
    run.model.classifier["classify"].intercept_ += np.array([0, 0.01, 0])
    monkeypatch.setattr(export, "scores_in_float32", lambda _, images: run.scores(images))
    assert export.main(["vgg_svm", "--to", str(tmp_path / "made")]) == 1
    assert "found scores that differ by up to 0.01" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_what_cannot_be_exported_is_said(study, tmp_path, capsys):
    assert export.main(["color_svm", "--to", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "found a linear_svm on color; expected one of these: networks, and hybrids" in said
    shutil.copytree("runs/lenet5", tmp_path / "copy" / "runs" / "lenet5")
    assert export.main(["lenet5", "--folder", str(tmp_path / "copy")]) == 1
    assert "there is no data/prepared/task.json" in capsys.readouterr().err
