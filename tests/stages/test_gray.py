"""Gray images keep their only channel through a whole study, and wherever its runs are used."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from in_process import run_study
from PIL import Image
from small_study import write_params

from pipeline.checks import StudyError
from pipeline.commands import export
from pipeline.commands.predict import open_run
from pipeline.robustness.severities import COLOR_ONLY
from pipeline.storage.corrupted import load_corrupted
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import load_feature_pictures
from pipeline.storage.runs import load_predictions
from pipeline.storage.splits import load_images, load_task
from stages import check

pytestmark = pytest.mark.slow

SIDE, COLUMNS = 20, 12
VGG = {"weights": "random", "image_size": 32, "layers": ["block1_pool"]}
PARAMS = {
    "seed": 0,
    "dataset": {"name": "digit_sheet", "path": "data/incoming", "deskew": True, "test": 0.25},
    "features": {
        "hog": {"method": "hog", "cell": 5},
        "vgg": {"method": "pretrained", **VGG},
    },
    "classical": {
        "hog_svm": {"method": "linear_svm", "features": ["hog"]},
        "vgg_svm": {"method": "linear_svm", "features": ["vgg"]},
    },
    "deep": {"lenet5": {"method": "lenet5", "epochs": 1, "batch_size": 20}},
    "corrupt": {"hog_svm": {"limit": 12, "severities": [3]}},
    "not_run": {},
}


def sheet(rng: np.random.Generator) -> np.ndarray:
    """Two rows for each digit, white on black, each digit a little off and slanted."""
    rows = []
    for row in range(20):
        row_of_digits = []
        for _ in range(COLUMNS):
            cell = np.zeros((SIDE, SIDE), np.uint8)
            place = (4 + int(rng.integers(-1, 2)), 16 + int(rng.integers(-1, 2)))
            cv2.putText(cell, str(row // 2), place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 2)
            slant = np.array([[1, rng.uniform(-0.3, 0.3), 0], [0, 1, 0]], np.float32)
            row_of_digits.append(cv2.warpAffine(cell, slant, (SIDE, SIDE)))
        rows.append(np.hstack(row_of_digits))
    return np.vstack(rows)


def place_sheet() -> None:
    Path("data/incoming").mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(np.random.default_rng(0))).save("data/incoming/digits.png")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gray")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        place_sheet()
        run_study(PARAMS)
    return folder


@pytest.fixture
def study(finished, monkeypatch) -> Path:
    monkeypatch.chdir(finished)
    return finished


def test_one_channel_is_stored_and_read_by_networks(study):
    assert load_images("train").shape[1:] == (SIDE, SIDE, 1)
    assert load_task().image_shape == (SIDE, SIDE, 1)
    assert load_task().decoding["channels"] == "gray"
    network = open_run("lenet5").model
    assert network.input_shape == (None, SIDE, SIDE, 1)
    kernels = [weights.shape for weights in network.weights if len(weights.shape) == 4]
    assert kernels[0] == (5, 5, 1, 6)


def test_all_possible_corruptions_are_applied_and_the_page_says_which_are_not(study):
    card = load_corrupted("hog_svm", "").card
    assert not set(COLOR_ONLY) & set(card.corruptions)
    assert set(COLOR_ONLY) <= set(card.missing)
    assert "saturate (it changes the saturation, and gray images have none)" in page()


def page() -> str:
    return " ".join((STUDY / "index.html").read_text(encoding="utf-8").split())


def test_pictures_are_gray_and_the_page_says_so(study):
    originals = load_feature_pictures().query("kind == 'original'")
    assert set(originals["dimension"]) == {SIDE * SIDE}
    found = {Image.open(STUDY / path).mode for path in originals["image"]}
    found |= {Image.open(path).mode for path in (STUDY / "samples").glob("*.*")}
    assert found == {"L"}
    assert "20 × 20 pixels, one channel (gray)" in page()


@pytest.mark.parametrize("name", ["hog_svm", "vgg_svm", "lenet5"])
def test_files_are_read_as_the_study_reads_its_own(study, name, tmp_path):
    sheet_again = np.asarray(Image.open("data/incoming/digits.png"))
    cells = sheet_again.reshape(20, SIDE, COLUMNS, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    stored = load_predictions(name, 0, "")
    ids = stored.ids["test"][:6]
    paths = [tmp_path / f"{each}.png" for each in ids]
    for path, each in zip(paths, ids, strict=True):
        Image.fromarray(cells[each]).convert("RGB").save(path)
    run = open_run(name)
    images = run.read(paths)
    assert images.shape == (6, SIDE, SIDE, 1)
    np.testing.assert_allclose(run.scores(images), stored.scores["test"][:6], atol=1e-4)
    with pytest.raises(StudyError, match=r"expected \(n, 20, 20, 1\) uint8, gray.*as_gray"):
        run.scores(np.repeat(images, 3, axis=3))
    with pytest.raises(StudyError, match=r"Add the axis .* images\[\.\.\., None\]"):
        run.scores(images[..., 0])


@pytest.mark.parametrize("name", ["vgg_svm", "lenet5"])
def test_an_exported_model_takes_one_channel(study, name, tmp_path):
    assert export.main([name, "--to", str(tmp_path)]) == 0
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    about = session.get_modelmeta().custom_metadata_map
    assert about["channel_order"] == "gray"
    assert session.get_inputs()[0].shape[1:] == [*json.loads(about["image_size"]), 1]
    Image.new("RGB", (30, 30), "white").save(tmp_path / "a.png")
    done = subprocess.run(
        [sys.executable, "predict_onnx.py", "a.png"], cwd=tmp_path, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.startswith("a.png: ")
    assert "undo the slant" in (tmp_path / "predict_onnx.py").read_text(encoding="utf-8")


def checked(capsys, **changes) -> str:
    params = copy.deepcopy(PARAMS)
    for section, entries in changes.items():
        params[section] |= entries
    write_params(Path(), params)
    check.main()
    return capsys.readouterr().out


def test_check_refuses_colors_of_gray_images_and_lists_all(study_folder, capsys):
    place_sheet()
    with pytest.raises(StudyError) as found:
        checked(
            capsys,
            features={"color": {"method": "color_histogram"}},
            corrupt={"lenet5": {"corruptions": ["fog", "saturate"]}},
        )
    said = str(found.value)
    assert "does not suit the gray images of digit_sheet" in said
    assert "features.color: color_histogram counts colors" in said
    assert "corrupt.lenet5: the corruption saturate makes no sense here" in said


def test_check_notes_mirrored_digits_and_nothing_else(study_folder, capsys):
    place_sheet()
    assert "mirror" not in checked(capsys)
    mirrored = {**PARAMS["classical"]["hog_svm"], "mirrored": True}
    flipped = {**PARAMS["deep"]["lenet5"], "flip": True}
    said = checked(capsys, classical={"hog_svm": mirrored}, deep={"lenet5": flipped})
    assert "note: classical.hog_svm.mirrored, deep.lenet5.flip: " in said
    assert "the mirror image of a digit is no digit" in said
