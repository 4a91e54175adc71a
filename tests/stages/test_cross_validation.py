"""A study with cross-validation, from the folder of images to the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from in_process import run_study
from PIL import Image

from pipeline.analyses.tables import tables
from pipeline.checks import StudyError
from pipeline.storage import near_duplicates
from pipeline.storage.paths import STUDY
from pipeline.storage.results import load_results
from pipeline.storage.runs import load_card, load_predictions, load_tuning
from pipeline.storage.splits import (
    PREPARED,
    SPLITS,
    load_dataset_card,
    load_folds,
    load_ids,
    load_images,
    load_labels,
)

PARAMS = {
    "seed": 0,
    "dataset": {
        "name": "image_folder", "path": "images", "size": 16, "folds": 3,
        "groups": {"name": "^([^_]+)_"},
    },
    "features": {"color": {"method": "color_histogram", "grid": 1, "bins": 4}},
    "classical": {
        "color_svm": {
            "method": "linear_svm", "features": ["color"], "mirrored": True, "tta": "mirror",
            "tune": {"trials": 2, "images": None, "ranges": {"C": {"low": 0.01, "high": 1.0}}},
        },
        "plain_svm": {"method": "linear_svm", "features": ["color"], "C": 1e-5},
    },
    "deep": {},
    "corrupt": {},
    "not_run": {},
}  # fmt: skip


def write_images(rng, groups=12, each=3):
    """Two classes by tint, in groups of three, half of them in a folder of the test split."""
    for group in range(groups):
        name = ("red", "blue")[group % 2]
        folder = STUDY.parent.parent / "images" / ("train", "test")[group // 2 % 2] / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pixels = rng.integers(0, 160, (16, 16, 3))
            pixels[..., 0 if name == "red" else 2] += 30
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"g{group}_{number}.png")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of a study that has run, and the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("folds"))
        write_images(np.random.default_rng(0))
        run_study(PARAMS)
        yield


def test_every_image_is_stored_once_and_is_in_every_split(study):
    assert len(load_folds()) == 36
    for split in SPLITS:
        assert load_ids(split).tolist() == list(range(36))
        assert load_images(split).shape == (36, 16, 16, 3)
    assert [path.parent.name for path in PREPARED.rglob("images.npy")] == ["train"]


def test_groups_are_in_one_fold_and_the_card_tells(study):
    folds, card = load_folds(), load_dataset_card()
    groups = np.array([name.split("/")[-1].split("_")[0] for name in names()])
    assert all(len(np.unique(folds[groups == group])) == 1 for group in groups)
    assert (card.folds, card.groups) == ((12, 12, 12), 12)
    assert any("(train, test) are merged" in note for note in card.notes)


def names():
    from pipeline.storage.splits import load_image_index

    return load_image_index().set_index("id").loc[load_ids("test"), "name"]


def test_runs_leave_predictions_for_all_images_and_searches_of_each_fold(study):
    card = load_card("color_svm", 0, "")
    found = load_predictions("color_svm", 0, "")
    for split in SPLITS:
        assert found.scores[split].shape == (36, 2)
        assert found.ids[split].tolist() == list(range(36))
    assert found.tta_scores["test"].shape == (36, 2)
    assert not np.array_equal(found.scores["test"], found.scores["validation"])
    assert len(card.notes["folds"]["chosen"]) == 3
    assert len(load_tuning("color_svm", 0, "")) == 2
    assert "all images but those of the first fold" in card.notes["folds"]["stored_model"]


def test_the_results_use_the_corrected_test(study):
    results = load_results(tables())
    table = results.tables["accuracy"].set_index("run")
    right = load_predictions("plain_svm", 0, "").scores["test"].argmax(1) == load_labels("test")
    assert table.loc["plain_svm", "test_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert table.loc["plain_svm", "n_test"] == 36
    assert "Nadeau and Bengio" in results.study["statistics"]["test"]


def test_the_page_says_that_every_image_is_tested_once(study):
    for name in ("index.html", "summary.md"):
        text = (STUDY / name).read_text(encoding="utf-8")
        assert "3-fold cross-validation: every image is tested once" in text
    assert "36 images, each tested once in 3-fold cross-validation" in text


def test_without_copies_across_folds_no_image_has_a_near_duplicate(study):
    found = near_duplicates.load_duplicates()
    assert len(found.pairs) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corrupt": {"plain_svm": {}}}, "corrupt: found runs together with dataset.folds: 3"),
        (
            {"sample_size": {"sizes": [9, None], "runs": {"plain_svm": {}}}},
            "sample_size: found runs together with dataset.folds: 3",
        ),
        (
            {"features": PARAMS["features"] | {"learned": {"method": "patches"}}},
            "features.learned: patches learns from the images",
        ),
    ],
)
def test_what_would_have_learned_from_test_images_is_refused(study, change, message):
    from small_study import write_params

    from pipeline.config.params import load_params

    here = STUDY.parent.parent
    (here / "other").mkdir(exist_ok=True)
    write_params(here / "other", PARAMS | change)
    with pytest.raises(StudyError, match=message):
        load_params(here / "other" / "params.yaml")


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_network_keeps_the_folds_that_are_done(tmp_path, monkeypatch):
    from in_process import learn

    from stages import train_deep

    monkeypatch.chdir(tmp_path)
    write_images(np.random.default_rng(1))
    network = {"method": "mlp", "epochs": 1, "units": 16, "tta": "mirror"}
    params = PARAMS | {"classical": {}, "features": {}, "deep": {"net": network}}
    trained, real = [], train_deep._of_rows

    def killed(search, images, rows, *rest):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(rows["test"].tolist())
        return real(search, images, rows, *rest)

    monkeypatch.setattr(train_deep, "_of_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        learn(params)
    assert len(list(Path(".resume/seeds/net").iterdir())) == 2
    monkeypatch.setattr(train_deep, "_of_rows", lambda *given: trained.append(0) or real(*given))
    train_deep.main("net")
    assert len(trained) == 4  # the third fold, and the stored model
    found, folds = load_predictions("net", 0, ""), load_folds()
    assert trained[0] == np.flatnonzero(folds == 0).tolist()
    assert found.scores["test"].shape == found.tta_scores["test"].shape == (36, 2)
    assert found.scores["test"].sum(axis=1) == pytest.approx(np.ones(36), abs=1e-5)
    train_deep.main("net")
    assert len(trained) == 4
    again = load_predictions("net", 0, "")
    assert np.array_equal(again.scores["test"], found.scores["test"])
