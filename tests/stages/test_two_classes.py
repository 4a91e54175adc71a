"""A study of two classes, through every stage, with every form of decision, and what it predicts.

Networks then have one output and machines one signed distance: whoever takes the largest of a
row's columns for the class needs two. The images are files of several kinds, as people have them.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from in_process import run_study
from PIL import Image

from pipeline.analyses.tables import load_results
from pipeline.commands.predict import open_run
from pipeline.storage.corrupted import load_corrupted
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import load_network_pictures
from pipeline.storage.runs import load_history, load_predictions
from pipeline.storage.splits import SPLITS, load_ids, load_image_index, load_images, load_labels

pytestmark = pytest.mark.slow

CLASSES = ("cat", "dog")
SIZES = {"train": 48, "validation": 20, "test": 30}
JOINED = {"features": ["hog", "color"]}
TUNED = {
    "mirrored": True,
    "tune": {"trials": 2, "images": 40, "ranges": {"C": {"low": 1, "high": 9}}},
}
MACHINES = ("linear_svm", "logistic_regression", "nystroem_svm", "kernel_ridge", "opencv_svm")
PARAMS = {
    "seed": 0,
    "dataset": {"name": "image_folder", "path": "data/incoming/mine", "size": 32},
    "features": {
        "color": {"method": "color_histogram", "grid": 1, "bins": 8},
        "hog": {"method": "hog", "cell": 16},
        "vgg": {
            "method": "pretrained",
            "weights": "random",
            "image_size": 32,
            "layers": ["block1_pool"],
        },
    },
    "classical": {
        **{method: {"method": method, **JOINED} for method in MACHINES},
        "rbf_svm": {"method": "rbf_svm", **JOINED, **TUNED},
        "vgg_svm": {"method": "linear_svm", "features": ["vgg"]},
    },
    "deep": {"lenet5": {"method": "lenet5", "epochs": 3, "batch_size": 16}},
    "corrupt": {
        name: {"limit": 20, "corruptions": ["brightness"], "severities": [1, 5]}
        for name in ("linear_svm", "rbf_svm", "vgg_svm", "lenet5")
    },
    "not_run": {"resnet": "too slow for a test"},
}
RUNS = (*PARAMS["classical"], *PARAMS["deep"])


def save_image(path: Path, label: int, number: int, rng: np.random.Generator) -> None:
    """Draw a bar, upright or lying, on a tint, and store it as another kind of file in turn."""
    pixels = rng.integers(0, 100, (40, 36, 3)).astype(np.uint8)
    pixels[..., 0 if label else 2] += 130
    across, along = slice(15, 21), slice(4, 32)
    pixels[(across, along) if label else (along, across)] = 250
    image = Image.fromarray(pixels)
    suffix = "jpg" if number % 3 == 0 else "png"
    mode = {4: "RGBA", 5: "P", 7: "L"}.get(number % 8, "RGB") if suffix == "png" else "RGB"
    path.mkdir(parents=True, exist_ok=True)
    image.convert(mode).save(path / f"{number}.{suffix}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The study with its report, made by the stages without DVC."""
    folder, rng = tmp_path_factory.mktemp("two"), np.random.default_rng(0)
    for split, size in SIZES.items():
        for number in range(size):
            label = number % 2
            place = folder / PARAMS["dataset"]["path"] / split / CLASSES[label]
            save_image(place, label, number // 2, rng)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_study(PARAMS)
    return folder


@pytest.fixture
def study(finished, monkeypatch) -> Path:
    """The finished study as the working directory; no test writes to it."""
    monkeypatch.chdir(finished)
    return finished


@pytest.mark.tried(
    "Classes",
    "a study of two classes: every stage, every classifier, a hybrid, a network, corrupted images",
    "every table has rows, and the page is there",
)
def test_every_table_has_rows_and_the_page_is_there(study):
    tables = load_results().tables
    perfect = {"errors", "confused_pairs", "confusion_images", "near_duplicates", "certainty"}
    assert {name for name, table in tables.items() if table.empty} <= perfect
    assert set(tables["accuracy"]["run"]) == set(RUNS)
    assert set(tables["corruption"]["run"]) == set(PARAMS["corrupt"])
    cells = tables["confusion"].groupby("run")["count"].agg(["size", "sum"])
    assert (cells["size"] == 4).all()
    assert (cells["sum"] == SIZES["test"]).all()
    page = (STUDY / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in RUNS)


@pytest.mark.parametrize("run", RUNS)
def test_each_run_tells_two_classes_apart(study, run):
    """Also with the columns in the right order: exchanged, nearly all would be wrong."""
    stored = load_predictions(run, 0, "")
    for split, size in SIZES.items():
        labels = load_labels(split)
        for found in (stored.scores[split], stored.probabilities[split]):
            assert found.shape == (size, 2)
            assert (found.argmax(axis=1) == labels).mean() > 0.75
        np.testing.assert_allclose(stored.probabilities[split].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("run", PARAMS["corrupt"])
def test_corrupted_images_have_two_scores_each(study, run):
    found = load_corrupted(run, "")
    rows = np.searchsorted(load_ids("test"), found.ids)
    stored = load_predictions(run, 0, "").scores["test"][rows]
    np.testing.assert_allclose(found.clean, stored, rtol=1e-4, atol=1e-4)
    assert found.corrupted["brightness"].shape == (2, 20, 2)
    # Slightly brighter images are mostly the same class; of exchanged columns hardly one.
    labels = load_labels("test")[rows]
    assert (found.corrupted["brightness"][0].argmax(axis=1) == labels).mean() > 0.7


def test_pictures_of_a_network_name_the_class_that_it_predicts(study):
    run = open_run("lenet5")
    pictures = load_network_pictures().query("kind == 'gradcam'")
    ids = load_ids("validation")
    images = np.asarray(load_images("validation"))
    assert len(pictures) == 5
    for row in pictures.itertuples():
        (name,) = run.predict(images[ids == row.id])
        share = 100 * run.probabilities(images[ids == row.id]).max()
        assert row.caption.startswith(f"lenet5 predicts {name} ({share:.0f}%) for the image")


def test_the_network_has_one_output_and_its_loss_is_that_of_two_columns(study):
    assert open_run("lenet5").model.output_shape == (None, 1)
    right = load_labels("validation")
    stored = load_predictions("lenet5", 0, "").scores["validation"]
    surprise = -np.log(np.clip(stored[np.arange(len(right)), right], 1e-7, 1)).mean()
    history = load_history("lenet5", 0, "")
    losses = history.query("split == 'validation' and metric == 'loss'")["value"]
    assert surprise == pytest.approx(losses.min(), abs=1e-4)


# --- what is predicted of pixels and of files -----------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_an_opened_run_gives_the_stored_predictions(study, name):
    run = open_run(name)
    stored = load_predictions(name, 0, "")
    images = load_images("test")
    assert (run.class_names, run.image_shape) == (CLASSES, (32, 32, 3))
    np.testing.assert_allclose(run.scores(images), stored.scores["test"], rtol=1e-4, atol=1e-4)
    found = run.probabilities(images)
    np.testing.assert_allclose(found, stored.probabilities["test"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    expected = [CLASSES[code] for code in stored.scores["test"].argmax(axis=1)]
    assert run.predict(images) == expected


def test_files_are_read_as_prepare_reads_them(study):
    index = load_image_index().set_index("id")
    run = open_run("linear_svm")
    for split in SPLITS:
        names = index.loc[load_ids(split), "name"]
        found = run.read(Path(PARAMS["dataset"]["path"]) / name for name in names)
        np.testing.assert_array_equal(found, load_images(split))


@pytest.mark.parametrize("name", ["rbf_svm", "lenet5"])
def test_the_readme_shows_how(study, root, name, tmp_path, capsys):
    """Its lines as they stand there, but for the name of the run and the place of the files."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(
        r"```python\n(from pipeline\.commands\.predict .*?)```", readme, re.DOTALL
    )
    files = re.findall(r'"([^"]+\.(?:jpg|png))"', block)
    assert len(files) == 2
    sources = sorted(Path(PARAMS["dataset"]["path"]).glob("test/*/1.*"))
    for file, source in zip(files, sources, strict=True):
        Image.open(source).save(tmp_path / file)
        block = block.replace(f'"{file}"', f'r"{tmp_path / file}"')
    block, changes = re.subn(r'open_run\("\w+", folder="[\w/]+"\)', f'open_run("{name}")', block)
    assert changes == 1
    exec(block, {})
    assert "['cat', 'dog']" in capsys.readouterr().out
