"""Opening a stored run from elsewhere, and what is said of one that cannot be used.

`tests/stages/test_two_classes.py` holds that its predictions are those of the study.
"""

import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.commands.predict import open_run
from pipeline.data.reading.decoding import decode
from pipeline.data.reading.fitting import Target
from pipeline.storage.files import save_json
from pipeline.storage.runs import Card, model_file, run_folder, save_run_task, seal_run
from pipeline.storage.splits import SPLITS, DatasetCard, load_task, save_dataset_card, save_split

CLASSES = ("cat", "dog")
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def prepare(images=IMAGES, classes=CLASSES):
    for split in SPLITS:
        save_split(split, images, np.arange(len(images)) % 2, np.arange(len(images)))
    sizes = dict.fromkeys(SPLITS, len(images))
    card = DatasetCard("d", "d", "0", classes, images.shape[1:], sizes, seed=0)
    save_dataset_card(card, pd.DataFrame({"id": []}))


def store(seed, n_outputs=1):
    keras.utils.set_random_seed(seed)
    last = keras.layers.Dense(n_outputs, "sigmoid" if n_outputs == 1 else "softmax")
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), last]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    run_folder("net", seed).mkdir(parents=True, exist_ok=True)
    model.save(model_file("net", seed, "deep"))
    save_run_task("net", seed, load_task())
    values = {"run": "net", "family": "deep", "method": "m", "features": (), "options": {}}
    values |= {"seed": seed, "score_kind": "probability", "sizes": {}, "parameters": 77}
    values |= {"train_seconds": 1.0, "predict_ms_per_image": 1.0, "stage_seconds": 1.0}
    values |= {"device": "d", "engine": "e", "peak_memory_mb": 1.0, "versions": {}}
    save_json(run_folder("net", seed) / "card.json", Card(**values))
    seal_run("net", seed, "")


@pytest.fixture
def study(study_folder) -> Path:
    prepare()
    for seed in (11, 4):
        store(seed)
    return study_folder


def test_a_run_is_opened_from_elsewhere(study, tmp_path_factory, monkeypatch):
    here = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(here)
    run = open_run("net", folder=study)
    assert Path.cwd() == here
    assert run.card.seed == 4, "the smallest"
    assert open_run("net", 11, study).card.seed == 11
    p = np.asarray(run.model(IMAGES))[:, 0]
    np.testing.assert_allclose(run.probabilities(IMAGES), np.stack([1 - p, p], 1), atol=1e-5)
    assert run.predict(IMAGES) == [CLASSES[each] for each in (p > 0.5).astype(int)]


def test_test_time_augmentation_is_for_those_who_ask_for_it(study):
    run = open_run("net")
    both = np.mean([run.scores(IMAGES), run.scores(IMAGES[:, :, ::-1])], axis=0)
    np.testing.assert_allclose(run.scores(IMAGES, tta="mirror"), both, atol=1e-6)
    assert run.predict(IMAGES, tta="mirror") == [CLASSES[each] for each in both.argmax(axis=1)]
    with pytest.raises(StudyError, match="unknown test-time augmentation 'flip'"):
        run.predict(IMAGES, tta="flip")


def test_files_are_decoded_and_resized(study):
    Image.fromarray(IMAGES[0].repeat(3, axis=0)).save("tall.png")
    Image.fromarray(IMAGES[1]).convert("LA").save("gray.png")
    run = open_run("net")
    found = run.read(["tall.png", Path("gray.png")])
    expected = [
        Target(8).fitted(decode(Path(name).read_bytes())) for name in ("tall.png", "gray.png")
    ]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(run.read("gray.png"), found[1:])


@pytest.mark.tried(
    "Prediction",
    "a file of 12 bits in 16, for a run whose study has images of 8 bits",
    "an error that says which range it uses; read in that range when it is given",
)
def test_values_of_more_than_8_bits_are_never_guessed(study):
    values = np.linspace(0, 4095, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(values).save("deep.png")
    run = open_run("net")
    with pytest.raises(StudyError, match=r"values from 0 to 4,095.*call read\(paths, value_range="):
        run.read("deep.png")
    gray = run.read("deep.png", value_range=(0, 4095))
    assert (gray.min(), gray.max()) == (0, 255)
    assert run.read("deep.png", value_range="full").max() == 15
    task = dataclasses.replace(run.task, decoding={"size": 8, "value_range": [0, 4095]})
    of_such_images = dataclasses.replace(run, task=task)
    np.testing.assert_array_equal(of_such_images.read("deep.png"), gray)


@pytest.mark.tried(
    "Prediction",
    "a file with values far beyond the range that the study was read with",
    "an error that names the file, its values and the range; cut off when a range is given",
)
def test_values_beyond_the_range_of_the_study_are_refused(study):
    run = open_run("net")

    def reads(name, values, given=None, **decoding):
        Image.fromarray(values).save(name)
        task = dataclasses.replace(run.task, decoding={"size": 8, **decoding})
        return dataclasses.replace(run, task=task).read(name, given)

    deep = np.full((40, 40), 60_000, np.uint16)
    hot = np.arange(1600).reshape(40, 40).astype(np.uint16)
    hot[3, 4] = 65_535
    twelve = {"value_range": [0, 4095]}
    for held in ({}, {"held": [0, 4000]}, {"held": [0, 6000]}):
        with pytest.raises(
            StudyError,
            match=r"deep\.png \(values from 60,000 to 60,000; 0 to 4,095\).*value_range=",
        ):
            reads("deep.png", deep, **twelve, **held)
    assert reads("deep.png", deep, (0, 4095), **twelve).min() == 255
    assert reads("hot.png", hot, **twelve).any()
    window = np.full((40, 40), 5000, np.uint16)
    assert reads("window.png", window, **twelve, held=[0, 6000]).min() == 255
    masks = {"value_range": None, "value_range_8_bits": [0, 1]}
    mask = np.eye(8, dtype=np.uint8)
    np.testing.assert_array_equal(reads("mask.png", mask, **masks)[0, ..., 0], mask * 255)
    with pytest.raises(StudyError, match="values from 0 to 200; 0 to 1"):
        reads("wide.png", mask * 200, **masks)


@pytest.mark.tried(
    "Prediction",
    "files that are missing, empty, cut short or no images",
    "an error that names each file; no class is given",
)
def test_files_that_are_no_images_are_named(study):
    Image.fromarray(IMAGES[0]).save("whole.png")
    Path("empty.png").touch()
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:60])
    Path("words.jpg").write_text("no pixels", encoding="utf-8")
    run = open_run("net")
    with pytest.raises(
        StudyError, match=r"3 of 4 files cannot.*empty\.png \(.*cut\.png \(.*words\.jpg"
    ):
        run.read(["whole.png", "empty.png", "cut.png", "words.jpg"])
    for missing in (["whole.png", "none.png"], ["whole.png", "."]):
        with pytest.raises(StudyError, match=rf"{missing[1]} cannot be read"):
            run.read(missing)
    with pytest.raises(StudyError, match="found no file"):
        run.read([])


@pytest.mark.tried(
    "Prediction",
    "a run whose study has been given other images, classes or another size since it was trained",
    "an error that says what differs and how to retrain the run",
)
@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (lambda: prepare(IMAGES[:, ::-1]), r"images, ids or labels: found \w{12}, trained"),
        (lambda: prepare(classes=("cat", "cow")), r"class names: found \('cat', 'cow'\), trained"),
        (lambda: prepare(IMAGES.repeat(2, 1).repeat(2, 2)), r"image shape: found \(16, 16, 3\)"),
    ],
)
def test_a_run_of_other_images_is_noticed(study, change, reported):
    change()
    with pytest.raises(StudyError, match=reported) as error:
        open_run("net")
    assert "dvc repro train_deep@net" in str(error.value)
    shutil.copytree("runs/net", "copy/runs/net")
    assert open_run("net", folder="copy").class_names == CLASSES, "what the message offers"


def test_what_is_not_there_is_said(study, tmp_path):
    for arguments, reported in [
        (("nut",), "there is no trained run runs/nut; did you mean 'net'"),
        (("net", 5), r"there is no runs/net/seed-5/card\.json"),
        (("net", None, "nowhere"), "there is no folder nowhere"),
        (("net", None, "data"), "in data: there is no trained run"),
    ]:
        with pytest.raises(StudyError, match=reported):
            open_run(*arguments)
    (run_folder("net", 4) / "task.json").unlink()
    with pytest.raises(StudyError, match=r"task\.json; create it with: dvc repro train_deep@net"):
        open_run("net")


def test_a_model_of_another_number_of_classes_is_refused(study):
    store(4, n_outputs=3)
    with pytest.raises(StudyError, match=r"scores of shape \(6, 3\); expected \(n, 2\)"):
        open_run("net").scores(IMAGES)
    with pytest.raises(StudyError, match="expected \\(n, 8, 8, 3\\) uint8, RGB"):
        open_run("net").predict(IMAGES / 255)
